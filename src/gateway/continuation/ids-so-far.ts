/**
 * The token ids of a broken answer, over all the clusters that had a part in it, and what an engine must still tell before
 * another one can go on from them.
 */
import type { KnownIds } from './said-ids.js';

/** So many of the last ids are looked at where the very last may be parts of a character; no character has more. */
const DOUBTED_IDS_MAX = 64;
/** Characters at the end that must be the same; the first ones of a few ids may be parts of a character themselves. */
const COMPARED_CHARS = 8;
const PART_OF_CHARACTER = '\ufffd';

export interface OpenQuestions {
  /** What text these are; `null`: that is known. */
  readonly doubted: readonly number[] | null;
  /** How long prompt and answer may be together. */
  readonly context: boolean;
}

/** `null`: not asked for, or nobody said. */
export interface EngineWord {
  readonly doubtedText: string | null;
  readonly contextTokens: number | null;
}

export class IdsSoFar {
  /** Of the prompt and of all that was said; `null` when they are not known exactly. */
  #all: readonly number[] | null = null;
  #doubted: readonly number[] | null = null;
  #text = '';
  readonly #wantsContext: boolean;
  #contextTokens: number | null = null;

  /** `wantsContext`: nothing else limits the answer. */
  constructor(wantsContext: boolean) {
    this.#wantsContext = wantsContext;
  }

  /** A cluster broke off: its ids, and the text that its caller read. */
  heard(ids: KnownIds | null, text: string): void {
    this.#all = ids === null ? null : [...ids.prompt, ...ids.said];
    this.#doubted = ids === null || ids.areWhole ? null : ids.said.slice(-DOUBTED_IDS_MAX);
    this.#text = text;
  }

  /** What to ask before `known`; `null`: nothing, or it would not help. */
  get open(): OpenQuestions | null {
    const context = this.#wantsContext && this.#contextTokens === null;
    return this.#all === null || (this.#doubted === null && !context) ? null : { doubted: this.#doubted, context };
  }

  settle({ doubtedText, contextTokens }: EngineWord): void {
    this.#contextTokens ??= contextTokens;
    if (this.#doubted === null || doubtedText === null) return;
    const isWhole = !doubtedText.endsWith(PART_OF_CHARACTER) && this.#text.endsWith(doubtedText.slice(-COMPARED_CHARS));
    this.#doubted = null;
    if (!isWhole) this.#all = null;
  }

  /** What another cluster can go on from; `null`: it must go by text. */
  get known(): { readonly prompt: readonly number[]; readonly contextTokens: number | null } | null {
    if (this.#all === null || this.open !== null) return null;
    return { prompt: this.#all, contextTokens: this.#contextTokens };
  }
}
