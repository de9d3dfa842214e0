/**
 * The token ids of one stream, kept so that another cluster can go on from exactly these. An engine that has said a part
 * of a character sends its id at once and its text only when the character is whole: what was said ends with the last id
 * that came with text. From anywhere else an engine would say a half character, or the whole prompt again (vLLM 0.32).
 */
import { isIds } from '../../domain/continuation/by-token-ids.js';
import type { Frame } from '../../domain/continuation/splice-frame.js';

/** Ids that are kept of what one stream says; as many as the text that is kept has at most, or nearly. */
const IDS_MAX = 64 * 1024;

/** Of a prompt: of a request of 128 KiB, and what its template adds. */
const PROMPT_IDS_MAX = 192 * 1024;

export interface KnownIds {
  /** Of the prompt that the stream answers, with what other streams had said. */
  readonly prompt: readonly number[];
  /** All of these the caller has read as text, where `areWhole`. Else the last ones may be parts of a character. */
  readonly said: readonly number[];
  readonly areWhole: boolean;
}

export class SaidIds {
  /** As it is kept for as long as the stream runs, half the size of a list. */
  #prompt: Uint32Array | null = null;
  #said: number[] = [];
  #whole = 0;
  /** The last frame with text had several ids, of which the last ones may be parts of a character. */
  #isDoubtful = false;
  /** Text came without its ids, or more of them than are kept. */
  #isIncomplete = false;

  /** `text`: what this choice of the frame says, which may be nothing. */
  take(frame: Frame, choice: Frame, text: string): void {
    const { prompt_token_ids: prompt = choice['prompt_token_ids'] } = frame;
    if (Array.isArray(prompt) && prompt.length <= PROMPT_IDS_MAX && isIds(prompt))
      this.#prompt ??= Uint32Array.from(prompt);
    const { token_ids: ids } = choice;
    if (!Array.isArray(ids) || !isIds(ids) || this.#said.length + ids.length > IDS_MAX) {
      this.#isIncomplete ||= text !== '' || Array.isArray(ids);
      return;
    }
    this.#said.push(...ids);
    if (text === '') return;
    this.#whole = this.#said.length;
    this.#isDoubtful = ids.length !== 1;
  }

  /** `null`: some are missing, or nothing was said. */
  get known(): KnownIds | null {
    if (this.#prompt === null || this.#isIncomplete || this.#whole === 0) return null;
    return { prompt: [...this.#prompt], said: this.#said.slice(0, this.#whole), areWhole: !this.#isDoubtful };
  }
}

const ANY_IDS = /"(?:prompt_)?token_ids"\s*:\s*(?=\[)/g;

/**
 * Whole lines of a stream as they would be had nobody asked for ids. Quotes inside JSON's strings are escaped, so no text
 * of a model looks like one of these keys.
 */
export const HIDES_IDS = {
  rewrite(lines: Buffer): Buffer {
    // One byte a character: nothing else of the lines is touched.
    const text = lines.toString('latin1');
    let shown = '';
    let at = 0;
    ANY_IDS.lastIndex = 0;
    while (ANY_IDS.test(text)) {
      const from = ANY_IDS.lastIndex;
      const end = text.indexOf(']', from);
      if (end < 0) break; // nor has any list behind it an end
      shown += `${text.slice(at, from)}null`;
      at = ANY_IDS.lastIndex = end + 1;
    }
    return at === 0 ? lines : Buffer.from(shown + text.slice(at), 'latin1');
  },
};
