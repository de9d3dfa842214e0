/**
 * Looks at what a caller is given: when it began, how much it was, and the last of it, where an engine says what it
 * counted. Only a request with an account, or whose caller has a limit in tokens, is looked at; all others pass by.
 */
import type { ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';

/** The finish reason, the usage, the `[DONE]`, and what a slow connection made two of. */
const CHUNKS_KEPT = 6;
/** Of a large answer only the end is searched. */
const TAIL_BYTES_MAX = 16 * 1024;

export interface Tokens {
  readonly prompt: number | null;
  readonly completion: number | null;
}

export class AnswerSeen {
  firstByteAtMs: number | null = null;
  bytes = 0;
  #last: (Buffer | string)[] = [];
  readonly #onChunk: ((chunk: Buffer | string) => void) | null;

  /** `onChunk` hears every chunk, too. */
  constructor(res: ServerResponse, onChunk: ((chunk: Buffer | string) => void) | null = null) {
    this.#onChunk = onChunk;
    const write = res.write.bind(res) as (...args: unknown[]) => boolean;
    const end = res.end.bind(res) as (...args: unknown[]) => ServerResponse;
    res.write = (...args: unknown[]) => {
      this.#saw(args[0]);
      return write(...args);
    };
    res.end = ((...args: unknown[]) => {
      this.#saw(args[0]);
      return end(...args);
    }) as ServerResponse['end'];
  }

  /** Tokens as the engine counted them; what it did not say is unknown. */
  tokens(): Tokens {
    const tail = this.#tail();
    const usage = tail.slice(lastUsage(tail));
    return { prompt: numberIn(usage, PROMPT_TOKENS), completion: numberIn(usage, COMPLETION_TOKENS) };
  }

  finishReasons(): string[] {
    return [...new Set([...this.#tail().matchAll(FINISH_REASON)].map((match) => match[1] ?? ''))];
  }

  #saw(chunk: unknown): void {
    if (!Buffer.isBuffer(chunk) && typeof chunk !== 'string') return;
    if (chunk.length === 0) return;
    this.firstByteAtMs ??= performance.now();
    this.bytes += Buffer.byteLength(chunk);
    this.#onChunk?.(chunk);
    this.#last.push(chunk);
    if (this.#last.length > CHUNKS_KEPT) this.#last.shift();
  }

  #tail(): string {
    const text = this.#last.map((chunk) => (typeof chunk === 'string' ? chunk : latin1End(chunk))).join('');
    return text.slice(-TAIL_BYTES_MAX);
  }
}

/** Quotes inside a JSON string are escaped, so these can only be keys: no text of a model can forge them. */
const USAGE_KEY = '"usage"';
const USAGE = /"usage"\s*:\s*\{/y;
const PROMPT_TOKENS = /"(?:prompt|input)_tokens"\s*:\s*(\d+)/;
const COMPLETION_TOKENS = /"(?:completion|output)_tokens"\s*:\s*(\d+)/;
const FINISH_REASON = /"finish_reason"\s*:\s*"([a-z_]{1,32})"/g;

const latin1End = (chunk: Buffer): string => chunk.subarray(-TAIL_BYTES_MAX).toString('latin1');

/** Where the last usage begins, not counting `"usage":null`; the end when there is none. */
function lastUsage(tail: string): number {
  let at = tail.lastIndexOf(USAGE_KEY);
  while (at >= 0) {
    USAGE.lastIndex = at;
    if (USAGE.test(tail)) return at;
    at = at === 0 ? -1 : tail.lastIndexOf(USAGE_KEY, at - 1);
  }
  return tail.length;
}

function numberIn(text: string, pattern: RegExp): number | null {
  const digits = pattern.exec(text)?.[1];
  return digits === undefined ? null : Number(digits);
}
