/** One request of the load generator, from its first byte to its verdict. Never throws: whatever happens is a result. */
import { request, type Dispatcher } from 'undici';
import { fieldsOf, listOf, parseFields, textOf, type Fields } from '../domain/outside.js';
import { boundedText } from '../outside/bounded-text.js';
import { EventReader } from './event-stream.js';
import type { LoadPrompt } from './load-prompts.js';

/**
 * `ok`: right to the last token. `lost`: an error before the first token. `cut`: it broke after its first token.
 * `wrong`: something else was said than should have been.
 */
export type LoadVerdict = 'ok' | 'lost' | 'cut' | 'wrong';

export interface LoadResult {
  readonly number: number;
  readonly stream: boolean;
  readonly verdict: LoadVerdict;
  /** What went wrong: `http-503`, `ECONNREFUSED`, `error-event`, `no-finish`, `text-differs`; `null` when nothing did. */
  readonly code: string | null;
  /** HTTP status; `null` when there was no answer. */
  readonly status: number | null;
  /** The cluster that answered, as the gateway says, or else as a simulated cluster says of itself. */
  readonly servedBy: string | null;
  /** The stream says of itself that a gateway continued it on another cluster. */
  readonly continued: boolean;
  /** Longest wait between two tokens of a stream, ms; `null` with fewer than two. */
  readonly gapMsMax: number | null;
  /** ms since the epoch. `firstByteAtMs`: the first token of a stream, the whole body otherwise; `null`: none came. */
  readonly startedAtMs: number;
  readonly firstByteAtMs: number | null;
  /** Newest token of a stream, ms since the epoch; `null`: none came. */
  readonly lastTokenAtMs: number | null;
  readonly endedAtMs: number;
}

export interface SendOptions {
  readonly origin: URL;
  readonly dispatcher: Dispatcher;
  readonly number: number;
  readonly stream: boolean;
  /** For the whole request, ms. */
  readonly timeoutMs: number;
}

const BODY_BYTES_MAX = 16 * 1024 * 1024;

/** What one request has shown so far. */
interface Seen {
  status: number | null;
  servedBy: string | null;
  continued: boolean;
  gapMsMax: number | null;
  firstByteAtMs: number | null;
  /** Of the newest token. */
  tokenAtMs: number | null;
  said: string;
  finishReason: string | null;
  errorEvent: boolean;
}

export async function sendOne(prompt: LoadPrompt, options: SendOptions): Promise<LoadResult> {
  const startedAtMs = Date.now();
  const seen: Seen = {
    status: null,
    servedBy: null,
    continued: false,
    gapMsMax: null,
    firstByteAtMs: null,
    tokenAtMs: null,
    said: '',
    finishReason: null,
    errorEvent: false,
  };
  let failure: string | null = null;
  try {
    await receive(prompt, options, seen);
  } catch (error) {
    failure = failureCode(error);
  }
  const { verdict, code } = judge(seen, failure, prompt.expected);
  const { number, stream } = options;
  const { status, servedBy, continued, gapMsMax, firstByteAtMs, tokenAtMs: lastTokenAtMs } = seen;
  const waits = { startedAtMs, firstByteAtMs, lastTokenAtMs, gapMsMax, endedAtMs: Date.now() };
  return { number, stream, verdict, code, status, servedBy, continued, ...waits };
}

async function receive(prompt: LoadPrompt, options: SendOptions, seen: Seen): Promise<void> {
  const { statusCode, headers, body } = await request(new URL(prompt.path, options.origin), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: prompt.body,
    dispatcher: options.dispatcher,
    signal: AbortSignal.timeout(options.timeoutMs),
  });
  seen.status = statusCode;
  const named = headers['x-understudy-cluster'] ?? headers['x-simulated-cluster'];
  seen.servedBy = typeof named === 'string' ? named : null;
  if (statusCode !== 200) {
    await body.dump();
    return;
  }
  if (options.stream) {
    const events = new EventReader((comment) => {
      if (comment.startsWith('understudy continued=')) seen.continued = true;
    });
    for await (const chunk of body) for (const event of events.push(chunk as Uint8Array)) readEvent(event, seen);
    return;
  }
  const text = await boundedText(body, BODY_BYTES_MAX);
  seen.firstByteAtMs = Date.now();
  readWhole(text, seen);
}

function readEvent(event: string, seen: Seen): void {
  if (event === '[DONE]') return;
  const fields = fieldsIn(event);
  if (fields['error'] !== undefined) seen.errorEvent = true;
  readChoice(fields, seen);
}

function readWhole(text: string, seen: Seen): void {
  readChoice(fieldsIn(text), seen);
}

/** @throws SyntaxError */
function fieldsIn(text: string): Fields {
  const fields = parseFields(text);
  if (fields === null) throw new SyntaxError('it is no JSON object');
  return fields;
}

function readChoice({ choices }: Fields, seen: Seen): void {
  const choice = listOf(choices)?.[0];
  if (choice === undefined) return;
  const { delta, message, text, finish_reason: reason } = fieldsOf(choice);
  const said = textOf(fieldsOf(delta)['content']) ?? textOf(fieldsOf(message)['content']) ?? textOf(text) ?? '';
  if (said !== '') noteToken(seen, Date.now());
  seen.said += said;
  seen.finishReason = textOf(reason) ?? seen.finishReason;
}

function noteToken(seen: Seen, nowMs: number): void {
  seen.firstByteAtMs ??= nowMs;
  if (seen.tokenAtMs !== null) seen.gapMsMax = Math.max(seen.gapMsMax ?? 0, nowMs - seen.tokenAtMs);
  seen.tokenAtMs = nowMs;
}

/** Wrong words come first: they are worse than missing ones. */
export function judge(
  seen: Readonly<Seen>,
  failure: string | null,
  expected: LoadPrompt['expected'],
): { readonly verdict: LoadVerdict; readonly code: string | null } {
  const whole = expected.tokens.join('');
  if (!whole.startsWith(seen.said)) return { verdict: 'wrong', code: 'text-differs' };
  const broken = failure ?? breakOf(seen);
  if (broken !== null) return { verdict: seen.said === '' ? 'lost' : 'cut', code: broken };
  if (seen.said !== whole) return { verdict: 'wrong', code: 'text-short' };
  if (seen.finishReason !== expected.finishReason) return { verdict: 'wrong', code: 'finish-differs' };
  return { verdict: 'ok', code: null };
}

/** A clean end of HTTP proves nothing: only a finish reason of the model's own does. */
function breakOf({ status, errorEvent, finishReason }: Readonly<Seen>): string | null {
  if (status !== null && status !== 200) return `http-${String(status)}`;
  if (errorEvent) return 'error-event';
  if (finishReason === null) return 'no-finish';
  return finishReason === 'abort' ? 'finish-abort' : null;
}

function failureCode(error: unknown): string {
  if (error instanceof SyntaxError) return 'not-json';
  if (!(error instanceof Error)) return 'unknown';
  if (error.name === 'TimeoutError') return 'timeout';
  return (error as NodeJS.ErrnoException).code ?? error.name;
}
