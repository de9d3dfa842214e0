/** One GET, bounded in time and bytes, that follows redirects only where it may. */
import { Readable, Transform, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

const REDIRECTS_MAX = 5;

export interface FetchLimits {
  readonly bytesMax: number;
  /** Until the head of an answer, each redirect included, ms. */
  readonly answerTimeoutMs: number;
  /** For everything, ms. */
  readonly timeoutMs: number;
  /** Hosts that may answer beside the one that is asked; `any` where what comes is proved in another way. */
  readonly hosts: readonly string[] | 'any';
  readonly onAnswer?: () => void;
}

type Sink = Writable | ((source: AsyncIterable<Buffer>) => Promise<void>);

/** @throws Error in one line that begins with the origin that was asked */
export async function fetchBounded(url: string, sink: Sink, limits: FetchLimits): Promise<void> {
  const abort = new AbortController();
  const stop = (why: string): void => abort.abort(new Error(why));
  const answerTimer = setTimeout(() => stop(`no answer in ${limits.answerTimeoutMs / 1000} s`), limits.answerTimeoutMs);
  const totalTimer = setTimeout(() => stop('it took too long'), limits.timeoutMs);
  try {
    const body = await follow(url, limits.hosts, abort.signal);
    clearTimeout(answerTimer);
    limits.onAnswer?.();
    const source = Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]);
    await pipeline(source, atMost(limits.bytesMax), sink, { signal: abort.signal });
  } catch (error) {
    throw new Error(`${new URL(url).origin}: ${reason(abort.signal.aborted ? abort.signal.reason : error)}`, {
      cause: error,
    });
  } finally {
    clearTimeout(answerTimer);
    clearTimeout(totalTimer);
  }
}

async function follow(
  first: string,
  hosts: FetchLimits['hosts'],
  signal: AbortSignal,
): Promise<NonNullable<Response['body']>> {
  let url = new URL(first);
  for (let hop = 0; hop <= REDIRECTS_MAX; hop += 1) {
    const response = await fetch(url, { signal, redirect: 'manual' });
    if (response.ok && response.body !== null) return response.body;
    await response.body?.cancel();
    const location = response.headers.get('location');
    if (response.status < 300 || response.status >= 400 || location === null)
      throw new Error(`HTTP ${response.status}`);
    url = allowed(url, new URL(location, url), hosts);
  }
  throw new Error(`more than ${REDIRECTS_MAX} redirects`);
}

/** Where a redirect may lead: never off TLS, and where it matters never to a stranger. */
function allowed(from: URL, to: URL, hosts: FetchLimits['hosts']): URL {
  if (to.protocol !== from.protocol && to.protocol !== 'https:')
    throw new Error('it was sent on to an address without TLS');
  if (hosts === 'any' || to.host === from.host || hosts.includes(to.host)) return to;
  throw new Error(`it was sent on to ${to.host}`);
}

/** Passes bytes on, up to a number of them. */
export function atMost(bytesMax: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > bytesMax) done(new Error(`larger than ${bytesMax} bytes`));
      else done(null, chunk);
    },
  });
}

/** `fetch` says only "fetch failed"; the reason is one level down. */
function reason(error: unknown): string {
  const { cause, message } = error as Error;
  return cause instanceof Error ? cause.message : message;
}
