/**
 * Looks at what a caller is given: when it began, how much it was, and the last of it, where an engine says what it
 * counted. Only a request with an account, or whose caller has a limit in tokens, is looked at; all others pass by.
 */
import { performance } from 'node:perf_hooks';
import { GatheredBytes } from '../../engines/gathered-bytes.js';
import { ownCopy } from '../own-text.js';
import type { WatchedResponse } from '../watched-response.js';

/** Of a frame or an answer that is not whole yet only the end is kept. */
const BEGUN_BYTES_MAX = 16 * 1024;

/** Different finish reasons of one answer; engines have some ten words for all. */
const REASONS_MAX = 16;

export interface Tokens {
  readonly prompt: number | null;
  readonly completion: number | null;
}

type Piece = Buffer | string;

export class AnswerSeen {
  firstByteAtMs: number | null = null;
  bytes = 0;
  /** Hears every chunk, too. */
  onChunk: ((chunk: Piece) => void) | null = null;
  /** Pieces of what has not come to the end of a line. None is kept that was looked at: they would outlive many others. */
  readonly #begun = new GatheredBytes();
  #begunBytes = 0;
  /** The last that an engine said of its tokens. */
  #usage = '';
  readonly #reasons: Set<string> | null;

  /** `reasons`: the finish reasons are wanted too. */
  constructor(res: WatchedResponse, { reasons }: { readonly reasons: boolean }) {
    this.#reasons = reasons ? new Set() : null;
    res.onPiece = (piece, encoding) => this.#saw(piece, encoding);
  }

  /** When the answer is over: tokens as the engine counted them; what it did not say is unknown. */
  tokens(): Tokens {
    this.#lookAtBegun();
    return { prompt: numberIn(this.#usage, PROMPT_TOKENS), completion: numberIn(this.#usage, COMPLETION_TOKENS) };
  }

  /** When the answer is over. */
  finishReasons(): readonly string[] {
    this.#lookAtBegun();
    return [...(this.#reasons ?? [])];
  }

  #saw(chunk: unknown, encoding: unknown): void {
    if ((!Buffer.isBuffer(chunk) && typeof chunk !== 'string') || chunk.length === 0) return;
    this.firstByteAtMs ??= performance.now();
    this.bytes += encoding === 'latin1' ? chunk.length : Buffer.byteLength(chunk);
    this.onChunk?.(chunk);
    const isWhole = endsLine(chunk);
    if (isWhole && this.#begunBytes === 0) this.#look(chunk);
    else {
      this.#begin(chunk);
      if (isWhole) this.#lookAtBegun();
    }
  }

  #begin(chunk: Piece): void {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    this.#begun.add(bytes);
    this.#begunBytes += bytes.length;
    // Twice as much comes before the end is copied again, so that each byte is copied a few times at most.
    if (this.#begunBytes <= 2 * BEGUN_BYTES_MAX) return;
    this.#begun.keepLast(BEGUN_BYTES_MAX);
    this.#begunBytes = BEGUN_BYTES_MAX;
  }

  #lookAtBegun(): void {
    if (this.#begunBytes === 0) return;
    this.#look(this.#begun.all());
    this.#begun.letGo();
    this.#begunBytes = 0;
  }

  #look(piece: Piece): void {
    const usage = lastUsage(piece);
    if (usage !== '') this.#usage = usage;
    if (this.#reasons === null || !piece.includes(REASON_KEY)) return;
    for (const [, reason = ''] of piece.toString('latin1').matchAll(FINISH_REASON))
      if (this.#reasons.size < REASONS_MAX) this.#reasons.add(ownCopy(reason));
  }
}

const LINE_FEED = 10;

const endsLine = (piece: Piece): boolean =>
  typeof piece === 'string' ? piece.endsWith('\n') : piece[piece.length - 1] === LINE_FEED;

/** Longer numbers are none of tokens. Quotes inside a JSON string are escaped, so these can only be keys: no text of a model can forge them. */
const USAGE_KEY = '"usage"';
const REASON_KEY = '"finish_reason"';
const USAGE = /^"usage"\s*:\s*\{/;
const PROMPT_TOKENS = /"(?:prompt|input)_tokens"\s*:\s*(\d{1,9})(?![\d.eE])/;
const COMPLETION_TOKENS = /"(?:completion|output)_tokens"\s*:\s*(\d{1,9})(?![\d.eE])/;
const FINISH_REASON = /"finish_reason"\s*:\s*"([a-z_]{1,32})"/g;

const part = (piece: Piece, from: number, to: number): string =>
  typeof piece === 'string'
    ? Buffer.from(piece.slice(from, to)).toString('latin1')
    : piece.toString('latin1', from, to);

/** The key, and what blanks an engine may write before its value. */
const USAGE_HEAD_BYTES = 32;
/** More than any engine says in its usage. */
const USAGE_BYTES_MAX = 4_096;

/**
 * The last usage and what follows, not counting `"usage":null`; empty when there is none. Searched in the bytes: as text
 * the whole of every answer would survive several collections.
 */
function lastUsage(piece: Piece): string {
  let at = piece.lastIndexOf(USAGE_KEY);
  while (at >= 0) {
    if (USAGE.test(part(piece, at, at + USAGE_HEAD_BYTES))) return part(piece, at, at + USAGE_BYTES_MAX);
    at = at === 0 ? -1 : piece.lastIndexOf(USAGE_KEY, at - 1);
  }
  return '';
}

function numberIn(text: string, pattern: RegExp): number | null {
  const digits = pattern.exec(text)?.[1];
  return digits === undefined ? null : Number(digits);
}
