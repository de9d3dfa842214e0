/**
 * What one stream has told its caller, kept so that another cluster can go on from there. It lies on the hot path, so it
 * learns the form of an engine's frames once: as long as a frame differs from the one before in nothing but its text, the
 * text is taken by comparing characters, and no JSON is parsed.
 */
import type { CannotContinue } from '../../domain/continuation/cannot-continue.js';
import { isFields } from '../../domain/outside.js';
import { identityOf, type Frame } from '../../domain/continuation/splice-frame.js';
import { endOfString } from '../../domain/json-text.js';
import type { KnownIds, SaidIds } from './said-ids.js';

/** Bytes of text, as JSON writes it, that are kept of one stream; some 60,000 tokens. */
export const SAID_BYTES_MAX = 256 * 1024;
/** Small pieces are gathered up to this length. As a rope they take ten times the room of their text. */
const RECENT_MAX = 256;
/** From this length on V8 makes no copy of a part of a string, which then keeps the whole line. */
const SLICE_MIN = 13;
/** Tokens that have no text: of a beginning and an end. */
const SILENT_TOKENS_MAX = 64;
/** No context is as long. */
const TOKENS_MAX = 1_000_000_000;
/** What stands around the text of a plain frame, in bytes; some 200 of any engine's. */
const FORM_BYTES_MAX = 4_096;
const NOTHING = Buffer.alloc(0);

const KEY_OF_TEXT = { content: /"content"\s*:\s*"/g, text: /"text"\s*:\s*"/g } as const;

/** Parts of a delta that are no text, by the engines' names; what is not listed is `not-text`. */
const OTHER_DELTAS: Readonly<Record<string, CannotContinue>> = {
  tool_calls: 'tool-call',
  function_call: 'tool-call',
  reasoning_content: 'reasoning',
  reasoning: 'reasoning',
};

export class Said {
  /** Why this stream can never be continued; `null` as long as nothing forbids it. */
  refusal: CannotContinue | null = null;
  /** `id`, `created` and the like of the first frame. */
  identity: Frame | null = null;
  #frames = 0;
  #countedTokens: number | null = null;
  #promptTokens: number | null = null;
  /** JSON's form of the text, without its quotes, in UTF-8. */
  #kept: Buffer = NOTHING;
  #length = 0;
  /** The newest of it, one byte a character. */
  #recent = '';
  /** What stands before and after the text in each plain frame; one byte a character, like all lines here. */
  #before = '';
  #after = '';

  readonly #ids: SaidIds | null;

  /** `ids`: keeps the token ids too; `null` where nobody goes on by them. */
  constructor(ids: SaidIds | null = null) {
    this.#ids = ids;
  }

  /** Of the prompt and of what was said; `null` when they are not known exactly. */
  get ids(): KnownIds | null {
    return this.#ids?.known ?? null;
  }

  /**
   * Tokens that were said. An engine sends one token a frame, more when it lags: without its own count this is the lower
   * bound.
   */
  get tokens(): number {
    return this.ids?.said.length ?? this.#countedTokens ?? this.#frames;
  }

  /** Whether that is the engine's own count. */
  get isCounted(): boolean {
    return this.#countedTokens !== null || this.ids !== null;
  }

  /** Tokens of the prompt as the engine counts them; only told with every frame when somebody asks for it. */
  get promptTokens(): number | null {
    return this.#promptTokens ?? this.ids?.prompt.length ?? null;
  }

  /** The text; `null` when what came was no proper JSON after all. */
  text(): string | null {
    this.#flush();
    try {
      return JSON.parse(`"${this.#kept.toString('utf8', 0, this.#length)}"`) as string;
    } catch {
      return null;
    }
  }

  /** Takes plain frames from the beginning of `lines`, as far as they follow each other; answers where they end. */
  skim(lines: string): number {
    const before = this.#before;
    const after = this.#after;
    let at = 0;
    if (before === '' || this.refusal !== null) return at;
    // Comparing slices is some times faster than `startsWith`.
    while (lines.slice(at, at + before.length) === before) {
      const from = at + before.length;
      const to = endOfString(lines, from);
      if (to < 0 || lines.slice(to, to + after.length) !== after) break;
      this.#keep(lines.slice(from, to));
      at = to + after.length;
    }
    return at;
  }

  /** Takes any other frame; `raw` is its line as it came, without the line feed. */
  learn(raw: string, frame: Frame): void {
    if (this.refusal !== null) return;
    this.identity ??= identityOf(frame);
    this.#readUsage(frame['usage']);
    const { choices } = frame;
    if (!Array.isArray(choices)) return;
    for (const choice of choices as readonly unknown[]) {
      if (isFields(choice)) this.#learnChoice(raw, frame, choice);
    }
  }

  #learnChoice(raw: string, frame: Frame, choice: Frame): void {
    const refusal = notJustText(choice);
    if (refusal !== null) {
      this.#refuse(refusal);
      return;
    }
    const { text, delta, token_ids: ids } = choice;
    const said = isFields(delta) ? delta['content'] : text;
    this.#ids?.take(frame, choice, typeof said === 'string' ? said : '');
    if (typeof said !== 'string' || said === '') return;
    this.#keep(Buffer.from(JSON.stringify(said).slice(1, -1)).toString('latin1'));
    if (Array.isArray(ids)) this.#frames += Math.max(0, ids.length - 1);
    const changes = isSaid(frame['usage']) || isSaid(ids) || isSaid(choice['finish_reason']);
    if (!changes) this.#learnForm(raw, said, isFields(delta) ? 'content' : 'text');
  }

  /** Quotes inside JSON's strings are escaped, so the key with its quotes can stand only where the key is. */
  #learnForm(raw: string, said: string, key: 'content' | 'text'): void {
    const places = [...raw.matchAll(KEY_OF_TEXT[key])];
    const [place] = places;
    if (places.length !== 1 || place === undefined || raw.length - said.length > FORM_BYTES_MAX) return;
    const from = place.index + place[0].length;
    const to = endOfString(raw, from);
    if (to < 0 || jsonText(raw.slice(from, to)) !== said) return;
    const end = raw.endsWith('\r') ? '\n\r\n' : '\n\n';
    this.#before = ownCopy(raw.slice(0, from));
    this.#after = ownCopy(raw.slice(to) + end);
  }

  #readUsage(usage: unknown): void {
    if (!isFields(usage)) return;
    const { prompt_tokens: prompt, completion_tokens: completion } = usage;
    if (isCount(prompt, TOKENS_MAX)) this.#promptTokens = prompt;
    // A token is a byte at least; a few are no text. With more than that the caller's limit would be reached at once.
    if (isCount(completion, this.#length + this.#recent.length + SILENT_TOKENS_MAX)) this.#countedTokens = completion;
  }

  /** `text` as it stands in a line. Small pieces are gathered first: writing to a buffer costs more than a token is worth. */
  #keep(text: string): void {
    if (text === '') return;
    this.#frames++;
    this.#recent += text;
    if (this.#recent.length < RECENT_MAX && text.length < SLICE_MIN) return;
    if (this.#length + this.#recent.length > SAID_BYTES_MAX) this.#refuse('too-long');
    else this.#flush();
  }

  #flush(): void {
    const needed = this.#length + this.#recent.length;
    if (needed > this.#kept.length) {
      const room = Buffer.allocUnsafeSlow(Math.max(needed, Math.ceil(this.#kept.length * 1.5)));
      this.#kept.copy(room, 0, 0, this.#length);
      this.#kept = room;
    }
    this.#length += this.#kept.write(this.#recent, this.#length, 'latin1');
    this.#recent = '';
  }

  #refuse(because: CannotContinue): void {
    this.refusal = because;
    this.#recent = '';
    this.#kept = NOTHING;
    this.#length = 0;
  }
}

/** What a choice says besides the text of the one answer; what it is decides the reason. */
function notJustText({ index, logprobs, delta }: Frame): CannotContinue | null {
  if (index !== undefined && index !== 0) return 'many-choices';
  if (isSaid(logprobs)) return 'logprobs';
  if (!isFields(delta)) return null;
  for (const [key, value] of Object.entries(delta)) {
    if (key === 'role' || !isSaid(value)) continue;
    if (key === 'content' && typeof value === 'string') continue;
    return (Object.hasOwn(OTHER_DELTAS, key) ? OTHER_DELTAS[key] : undefined) ?? 'not-text';
  }
  return null;
}

const isCount = (value: unknown, max: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max;

function isSaid(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0);
}

/** The text of a part of a line; `null` when it is none. */
function jsonText(latin1: string): string | null {
  try {
    return JSON.parse(`"${Buffer.from(latin1, 'latin1').toString('utf8')}"`) as string;
  } catch {
    return null;
  }
}

/** A slice would keep the whole chunk that it was cut from. */
function ownCopy(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('latin1');
}
