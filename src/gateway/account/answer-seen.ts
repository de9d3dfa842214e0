/**
 * Looks at what a caller is given: when it began, how much it was, and the last of it, where an engine says what it
 * counted. Only a request with an account, or whose caller has a limit in tokens, is looked at; all others pass by.
 */
import { performance } from 'node:perf_hooks';
import type { WatchedResponse } from '../watched-response.js';

/** The finish reason, the usage, the `[DONE]`, and one that a slow connection made two of. */
const CHUNKS_KEPT = 4;
/** Of a large answer only the end is searched. */
const TAIL_BYTES_MAX = 16 * 1024;

export interface Tokens {
  readonly prompt: number | null;
  readonly completion: number | null;
}

export class AnswerSeen {
  firstByteAtMs: number | null = null;
  bytes = 0;
  /** Hears every chunk, too. */
  onChunk: ((chunk: Buffer | string) => void) | null = null;
  #last: (Buffer | string)[] = [];

  constructor(res: WatchedResponse) {
    res.onPiece = (piece) => this.#saw(piece);
  }

  /** Tokens as the engine counted them; what it did not say is unknown. */
  tokens(): Tokens {
    const usage = lastUsage(this.#tail());
    return { prompt: numberIn(usage, PROMPT_TOKENS), completion: numberIn(usage, COMPLETION_TOKENS) };
  }

  finishReasons(): string[] {
    const tail = this.#tail().toString('latin1');
    return [...new Set([...tail.matchAll(FINISH_REASON)].map((match) => match[1] ?? ''))];
  }

  #saw(chunk: unknown): void {
    if (!Buffer.isBuffer(chunk) && typeof chunk !== 'string') return;
    if (chunk.length === 0) return;
    this.firstByteAtMs ??= performance.now();
    this.bytes += Buffer.byteLength(chunk);
    this.onChunk?.(chunk);
    this.#last.push(chunk);
    if (this.#last.length > CHUNKS_KEPT) this.#last.shift();
  }

  #tail(): Buffer {
    const pieces = this.#last.map((chunk) => (typeof chunk === 'string' ? Buffer.from(chunk) : chunk));
    const [first] = pieces;
    const whole = pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces);
    return whole.subarray(-TAIL_BYTES_MAX);
  }
}

/** Quotes inside a JSON string are escaped, so these can only be keys: no text of a model can forge them. */
const USAGE_KEY = '"usage"';
const USAGE = /^"usage"\s*:\s*\{/;
const PROMPT_TOKENS = /"(?:prompt|input)_tokens"\s*:\s*(\d+)/;
const COMPLETION_TOKENS = /"(?:completion|output)_tokens"\s*:\s*(\d+)/;
const FINISH_REASON = /"finish_reason"\s*:\s*"([a-z_]{1,32})"/g;

/** More than any engine says in its usage. */
const USAGE_BYTES_MAX = 4_096;

/**
 * The last usage and what follows, not counting `"usage":null`; empty when there is none. Searched in the bytes: as text
 * the whole tail of every answer would survive several collections.
 */
function lastUsage(tail: Buffer): string {
  let at = tail.lastIndexOf(USAGE_KEY);
  while (at >= 0) {
    const text = tail.toString('latin1', at, at + USAGE_BYTES_MAX);
    if (USAGE.test(text)) return text;
    at = at === 0 ? -1 : tail.lastIndexOf(USAGE_KEY, at - 1);
  }
  return '';
}

function numberIn(text: string, pattern: RegExp): number | null {
  const digits = pattern.exec(text)?.[1];
  return digits === undefined ? null : Number(digits);
}
