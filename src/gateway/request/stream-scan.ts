/**
 * Reads along a stream of server-sent events to learn whether the model itself ended it, and what was said so far. It
 * never changes a byte and looks closely at a line only where a cheap test says that the line may tell something: this is
 * the hot path.
 *
 * `[DONE]` proves nothing: real engines send it after a crash of their core and after an abort. A stream ended well when
 * each of its choices has a finish reason of the model's own and no error event came.
 */

import { isOpening } from '../../domain/continuation/splice-frame.js';
import { GatheredBytes } from '../../engines/gathered-bytes.js';
import { ownerOfStatus, type ErrorOwner } from '../../domain/error-owner.js';
import { isFields, numberOf, parseFields, type Fields } from '../../domain/outside.js';
import type { Said } from '../continuation/said.js';
import { DONE_FRAME } from '../continuation/splice.js';

/** `choices`: chat and plain completions. `responses`: the Responses API. `opaque`: whatever else; a clean end is an end. */
export type StreamKind = 'choices' | 'responses' | 'opaque';

/** `repetition`: the engine ended a model that went round in circles; another engine would only go on with it. */
const OWN_REASONS: ReadonlySet<string> = new Set([
  'stop',
  'length',
  'tool_calls',
  'function_call',
  'content_filter',
  'repetition',
]);
const RESPONSES_ENDS: ReadonlySet<unknown> = new Set(['response.completed', 'response.incomplete']);

/** Answers of one request that are told apart, many times what any engine gives; with so many of them all have ended. */
const CHOICES_MAX = 4_096;

/** Longest line that is looked at; a stream with a longer one is no longer judged by what it says. */
const LINE_MAX = 1024 * 1024;

/**
 * Quotes inside a JSON string are escaped, so `"finish_reason":"` can only be a key with a string: no text of a model can
 * forge it. Each frame of an engine says `"finish_reason":null`, which does not match.
 */
const TELLING =
  /"finish_reason"\s*:\s*"|"error"|"response\.(?:completed|incomplete|failed)"|^event:\s*error|^data:\s*\[DONE\]/m;

const BEYOND_ASCII = /[\x80-\xff]/;

export class StreamScan {
  /** The stream said something: a token, a tool call, an end, an error. Before that only a role, comments or nothing. */
  spoke = false;
  /** What an error event said, `null` as long as there was none. */
  error: string | null = null;
  /** Who must answer for the error event; a context that is too long may come as one, with code 400. */
  errorOwner: ErrorOwner = 'none';
  /**
   * Where in the stream, in bytes, the line begins that shows it broken: a `[DONE]` for an end that was not reached, and in
   * streams of choices an error event of the cluster or a finish reason that is not the model's own. From there on nothing
   * must reach the caller, who would take it for the end.
   */
  brokenAt: number | null = null;
  /** What that line said. */
  brokenBy = '';
  /** Responses API: the whole answer, which its last event carries. */
  answer: unknown = null;
  /** A `[DONE]` came, rightly. */
  done = false;
  readonly #said: Said | null;
  readonly #kind: StreamKind;
  readonly #choices: number;
  /** Choices that have their finish reason. */
  readonly #finished = new Set<number>();
  #ended = false;
  #blind = false;
  /** Begin of a line whose end has not come. */
  readonly #tail = new GatheredBytes();
  #tailBytes = 0;
  /** Bytes of the stream in front of the tail. */
  #passed = 0;

  /** `choices`: how many answers the caller asked for; each must finish. `said` is told what the stream says. */
  constructor(kind: StreamKind, choices: number, said: Said | null = null) {
    this.#kind = kind;
    this.#choices = choices;
    this.#said = said;
  }

  /**
   * Answers how many bytes of `chunk` end in a whole line. The rest is better kept until its line is whole: when the
   * cluster breaks off, its caller must not be left with half a frame in front of the error.
   */
  push(chunk: Buffer): number {
    if (this.#blind) return chunk.length;
    // One byte a character: all that is looked for is ASCII, and no character can be split.
    const text = chunk.toString('latin1');
    const whole = text.lastIndexOf('\n') + 1;
    if (whole === 0) {
      this.#begin(chunk);
      if (this.#tailBytes <= LINE_MAX) return 0;
      this.stopJudging();
      return chunk.length;
    }
    const isAll = whole === text.length;
    const end = isAll ? text : text.slice(0, whole);
    const lines = this.#tailBytes === 0 ? end : this.#tail.all().toString('latin1') + end;
    this.#forgetTail();
    if (!isAll) this.#begin(chunk.subarray(whole));
    this.#look(lines);
    this.#passed += lines.length;
    return whole;
  }

  /** What comes cannot be read (compressed, say): a clean end counts as an end. */
  stopJudging(): void {
    this.#blind = true;
    this.spoke = true;
    this.#forgetTail();
    if (this.#said !== null) this.#said.refusal ??= 'unreadable';
  }

  #begin(bytes: Buffer): void {
    this.#tail.add(bytes);
    this.#tailBytes += bytes.length;
  }

  #forgetTail(): void {
    if (this.#tailBytes === 0) return;
    this.#tail.letGo();
    this.#tailBytes = 0;
  }

  /** The model has ended its answer, and no error came: whatever is still missing is no part of it. */
  get allSaid(): boolean {
    return this.#kind !== 'opaque' && !this.#blind && this.endedWell();
  }

  /** What callers wait for after all is said, if it has not come; the Responses API has nothing of the kind. */
  get missingEnd(): string {
    return this.#kind === 'choices' && !this.done ? DONE_FRAME : '';
  }

  /** The connection ended cleanly: did the stream? */
  endedWell(): boolean {
    if (this.error !== null) return false;
    if (this.#blind || this.#kind === 'opaque') return true;
    return this.#ended || (this.#choices > 0 && this.#finished.size >= Math.min(this.#choices, CHOICES_MAX));
  }

  /** Plain text frames are over with quickly; all others are read where they may tell something. */
  #look(lines: string): void {
    const said = this.brokenAt === null ? this.#said : null;
    const plain = said !== null && this.spoke ? said.skim(lines) : 0;
    if (plain === lines.length) return;
    const rest = plain === 0 ? lines : lines.slice(plain);
    const wanted = said !== null && said.refusal === null;
    if (!this.spoke || wanted || TELLING.test(rest)) this.#read(rest, this.#passed + plain);
  }

  #read(lines: string, from: number): void {
    let at = from;
    for (const raw of lines.split('\n')) {
      const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
      if (line.startsWith('data:')) this.#readData(raw, line.slice(5).trim(), at);
      else if (line.startsWith('event:') && line.slice(6).trim() === 'error')
        this.#fail({ message: 'error event' }, at);
      at += raw.length + 1;
    }
  }

  #readData(raw: string, payload: string, at: number): void {
    if (payload === '') return;
    if (payload === '[DONE]') {
      if (this.error !== null || this.brokenAt !== null) return; // it does not reach the caller
      if (this.endedWell()) this.done = true;
      else this.#broke(at, 'it claimed its end without a finish reason of the model');
      return;
    }
    const frame = parseFields(inUtf8(payload));
    if (frame === null) {
      this.#passUnread();
      return;
    }
    const error = errorOf(frame);
    if (error !== null) this.#fail(error, at);
    else if (this.#kind === 'choices') {
      this.#readChoices(frame['choices'], at);
      if (this.brokenAt === null) this.#said?.learn(raw, frame);
    } else {
      this.spoke = true;
      if (!RESPONSES_ENDS.has(frame['type'])) return;
      this.#ended = true;
      this.answer = frame['response'];
    }
  }

  /** Not ours to understand, so not ours to hold back; what of it the caller reads nobody could go on from. */
  #passUnread(): void {
    this.spoke = true;
    if (this.#said !== null) this.#said.refusal ??= 'unreadable';
  }

  #readChoices(choices: unknown, at: number): void {
    if (!Array.isArray(choices) || choices.length === 0) {
      this.spoke = true;
      return;
    }
    for (const choice of choices as readonly unknown[]) if (isFields(choice)) this.#readChoice(choice, at);
  }

  #readChoice(choice: Fields, at: number): void {
    const { finish_reason: reason } = choice;
    const index = numberOf(choice['index'] ?? 0);
    if (index === null) {
      this.#passUnread();
      return;
    }
    if (typeof reason === 'string' && OWN_REASONS.has(reason)) this.#finish(index);
    else if (typeof reason === 'string' && reason !== '') this.#broke(at, `it ended with finish reason "${reason}"`);
    if (!isOpening(choice)) this.spoke = true;
  }

  #finish(index: number): void {
    if (this.#finished.size < CHOICES_MAX) this.#finished.add(index);
  }

  #fail(error: StreamError, at: number): void {
    // The caller has the whole answer: a second end would be wrong, whatever the engine says now.
    if (this.allSaid) {
      this.#broke(at, error.message);
      return;
    }
    const owner = error.status === undefined ? 'cluster' : ownerOfStatus(error.status);
    // The data of an `event: error` knows more than its name did.
    if (this.error === null || error.status !== undefined) this.errorOwner = owner === 'none' ? 'cluster' : owner;
    this.error ??= error.message;
    this.spoke = true;
    if (this.#kind !== 'choices') return;
    if (this.errorOwner === 'cluster') this.#broke(at, error.message);
    else this.brokenAt = null; // its name alone had looked like the cluster's
  }

  #broke(at: number, by: string): void {
    if (this.brokenAt !== null) return;
    this.brokenAt = at;
    this.brokenBy = by;
  }
}

/** Lines are read one byte a character; what they say is UTF-8. */
function inUtf8(latin1: string): string {
  return BEYOND_ASCII.test(latin1) ? Buffer.from(latin1, 'latin1').toString('utf8') : latin1;
}

interface StreamError {
  readonly message: string;
  readonly status?: number;
}

/** vLLM: `{"error":{"message":…,"code":500}}`, older `{"object":"error",…}`; Responses API: `error`, `response.failed`. */
function errorOf(frame: Readonly<Record<string, unknown>>): StreamError | null {
  const error = frame['error'];
  if (isFields(error)) return streamError(error);
  if (typeof error === 'string') return { message: error };
  if (frame['object'] === 'error' || frame['type'] === 'error') return streamError(frame);
  return frame['type'] === 'response.failed' ? { message: 'response.failed' } : null;
}

function streamError(error: Readonly<Record<string, unknown>>): StreamError {
  const message = typeof error['message'] === 'string' ? error['message'] : 'error event';
  const status = statusOf(error['code']);
  return status === null ? { message } : { message, status };
}

/** As a number or, as some engines write it, as its digits. */
function statusOf(code: unknown): number | null {
  const status = typeof code === 'string' && /^[45]\d\d$/.test(code) ? Number(code) : numberOf(code);
  return status !== null && status >= 400 && status < 600 ? status : null;
}
