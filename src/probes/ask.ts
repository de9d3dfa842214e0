/**
 * One bounded HTTP question: bounded in time from the first byte sent to the last one read, and in bytes. Redirects are
 * answers like any other. Regular questions share kept-alive connections; a fresh one opens its own, because a listener
 * whose queue is full still serves those who are in already.
 */
import { Agent, type Dispatcher } from 'undici';
import { isOwnExhaustion } from '../domain/error-owner.js';
import { OWN_EXHAUSTION } from '../domain/health/observer.js';
import { probeAgent } from '../domain/probe-agent.js';
import type { Vantage } from '../domain/words.js';
import { neverPaused } from '../outside/never-paused.js';
import { BodyReader } from './body-reader.js';

/** More than any health page needs; a metrics page asks for more. */
const BODY_BYTES_MAX = 64 * 1024;
const HEADER_BYTES_MAX = 16 * 1024;
/** Checks of one cluster at a time; more would be a pile-up on a cluster that hangs. */
const CONNECTIONS_PER_CLUSTER = 8;
/** Whatever the server proposes. */
const KEEP_ALIVE_MS = 60_000;

const agentOptions = {
  connections: CONNECTIONS_PER_CLUSTER,
  pipelining: 1,
  keepAliveTimeout: KEEP_ALIVE_MS,
  keepAliveMaxTimeout: KEEP_ALIVE_MS,
  maxHeaderSize: HEADER_BYTES_MAX,
};
const shared = new Agent(agentOptions);

let askHeaders: Readonly<Record<string, string>> = { 'user-agent': probeAgent(null) };

/** One process probes from one place: its name goes with every question from now on. */
export function probeFrom(vantage: Vantage): void {
  askHeaders = { 'user-agent': probeAgent(vantage) };
}

/** Says who asks. */
export const probeHeaders = (): Readonly<Record<string, string>> => askHeaders;

export interface Question {
  readonly url: string;
  readonly timeoutMs: number;
  readonly fresh?: boolean;
  readonly bytesMax?: number;
  readonly signal?: AbortSignal | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** `error` is a word of the transport: `refused`, `timeout`, `reset`, `dns`, `tls`, `protocol`, `unroutable`, `cancelled`, `exhausted` (this machine lacks what it takes to ask). */
export type Answer =
  | { readonly status: number; readonly body: string; readonly whole: boolean; readonly ms: number }
  | { readonly error: string; readonly ms: number };

/** Never throws: not getting an answer is an answer. */
export async function ask(question: Question): Promise<Answer> {
  const started = performance.now();
  const own = question.fresh === true ? new Agent({ ...agentOptions, connections: 1 }) : null;
  try {
    const page = await read(own ?? shared, question);
    return { ...page, ms: performance.now() - started };
  } catch (error) {
    return { error: wordOf(error, question.signal), ms: performance.now() - started };
  } finally {
    if (own !== null) void own.destroy().catch(() => undefined);
  }
}

/**
 * Straight to the dispatcher, with one timer and one listener that are both gone when it ends: a worker asks thousands
 * of questions a second, and streams and abort signals for each of them cost more than the questions.
 */
async function read(
  dispatcher: Dispatcher,
  { url, timeoutMs, bytesMax = BODY_BYTES_MAX, signal, headers = {} }: Question,
): Promise<{ status: number; body: string; whole: boolean }> {
  const { origin, pathname, search } = new URL(url);
  const reader = new BodyReader(bytesMax);
  const timer = setTimeout(() => reader.stop(new DeadlineError()), timeoutMs);
  const cancel = (): void => reader.stop(new DeadlineError());
  signal?.addEventListener('abort', cancel);
  try {
    if (signal?.aborted === true) cancel();
    else
      dispatcher.dispatch(
        { origin, path: `${pathname}${search}`, method: 'GET', headers: { ...askHeaders, ...headers } },
        reader,
      );
    return await reader.page;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', cancel);
  }
}

/** The name that abort signals give to their own. */
class DeadlineError extends Error {
  override readonly name = 'TimeoutError';
}

/** The connections that stream answers use: the same pool, so that a probe is what a caller would be. */
export const sharedDispatcher: Dispatcher = neverPaused(shared);

/**
 * Gives `use` a signal that ends with the time or with the caller's. A signal derived from one that lives for an hour
 * would stay with it for that hour; a listener can be taken off.
 */
export async function withDeadline<T>(
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
  use: (deadline: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new AbortController();
  const stop = (): void => deadline.abort(new DeadlineError());
  const timer = setTimeout(stop, timeoutMs);
  signal?.addEventListener('abort', stop);
  try {
    if (signal?.aborted === true) stop();
    return await use(deadline.signal);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  }
}

const WORDS: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, 'refused'],
  [/TIMEOUT|ETIMEDOUT/i, 'timeout'],
  [/ECONNRESET|EPIPE|UND_ERR_SOCKET|ECONNABORTED/, 'reset'],
  [/ENOTFOUND|EAI_AGAIN/, 'dns'],
  [/^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/, 'tls'],
  [/HPE_|UND_ERR_HEADERS_OVERFLOW|UND_ERR_RES|UND_ERR_INVALID/, 'protocol'],
  [/EHOSTUNREACH|ENETUNREACH|EHOSTDOWN/, 'unroutable'],
];

/** The transport's word for an error; an aggregate (several addresses) counts as its first. */
export function wordOf(error: unknown, callers?: AbortSignal): string {
  if (callers?.aborted === true) return 'cancelled';
  const name = (error as Error | null)?.name ?? '';
  if (name === 'TimeoutError' || name === 'AbortError') return 'timeout';
  const code = codeOf(error);
  if (isOwnExhaustion(code)) return OWN_EXHAUSTION;
  return WORDS.find(([pattern]) => pattern.test(code))?.[1] ?? 'failed';
}

function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  if (typeof code === 'string') return code;
  return cause === undefined ? String((error as Error).message ?? '') : codeOf(cause);
}
