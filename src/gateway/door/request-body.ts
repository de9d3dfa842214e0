/** Reads a request's body, up to a limit: it is kept whole, so that a failed attempt can be repeated elsewhere. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Deadline } from '../deadline.js';
import type { CallerError } from '../request/openai-error.js';
import type { RequestMemory } from '../held-memory.js';
import { GatheredBytes } from '../../engines/gathered-bytes.js';

export type BodyRead =
  | { readonly kind: 'read'; readonly body: Buffer }
  | { readonly kind: 'too-large' }
  /** There is no memory for it now. */
  | { readonly kind: 'no-room' }
  /** Nothing of it came for a while. */
  | { readonly kind: 'too-slow' }
  /** The caller left before it had sent everything. */
  | { readonly kind: 'gone' };

export const tooSlow: CallerError = {
  status: 408,
  type: 'invalid_request_error',
  code: 'body-too-slow',
  message: 'nothing of the body came for too long',
};

const EMPTY = Buffer.alloc(0);
/** A caller that leaves later is noticed at the response. Here, for a listener made below would keep the body for as long. */
const ignore = (): void => undefined;

/** How long nothing of a body may come, ms, where nobody says. */
const SILENT_MS = 30_000;
/** Before a refusal, how long a caller may go on sending, ms. */
const LINGER_MS = 1_000;

export interface BodyLimits {
  readonly bytesMax: number;
  /** Absent: there is always room. */
  readonly memory?: Pick<RequestMemory, 'has' | 'take' | 'letGo'>;
  readonly silentMs?: number | undefined;
}

export async function readBody(
  req: IncomingMessage,
  { bytesMax, memory, silentMs = SILENT_MS }: BodyLimits,
): Promise<BodyRead> {
  const declared = req.headers['content-length'];
  if (declared === undefined && req.headers['transfer-encoding'] === undefined) return { kind: 'read', body: EMPTY };
  if (Number(declared) > bytesMax) return { kind: 'too-large' };
  if (req.destroyed) return { kind: 'gone' };
  if (memory?.has(Number(declared ?? 0)) === false) return { kind: 'no-room' };
  return await new Promise((resolve) => {
    const gathered = new GatheredBytes();
    const silence = new Deadline(silentMs, () => settle({ kind: 'too-slow' }));
    const settle = (read: BodyRead): void => {
      silence.stop();
      req.off('data', take).off('end', end).off('close', gone).off('error', gone);
      req.on('error', ignore);
      resolve(read);
    };
    const take = (chunk: Buffer): void => {
      silence.refresh();
      gathered.add(chunk);
      if (gathered.size > bytesMax) settle({ kind: 'too-large' });
      else if (memory?.take(chunk.length) === false) {
        memory.letGo();
        settle({ kind: 'no-room' });
      }
    };
    const end = (): void => settle({ kind: 'read', body: gathered.all() });
    const gone = (): void => settle({ kind: 'gone' });
    req.on('data', take).on('end', end).on('close', gone).on('error', gone);
  });
}

/**
 * Throws away what is still to come of a body that will be refused; call it before the answer. Most callers read only
 * when they have sent everything: answering and closing under their hands resets the connection, and they never read
 * why. Whoever still sends after a moment is answered all the same, on a connection that then closes.
 */
export async function discardRest(req: IncomingMessage, res: ServerResponse): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, LINGER_MS);
    const settle = (): void => {
      clearTimeout(timer);
      resolve();
    };
    if (req.complete) return settle();
    req.once('end', settle).once('close', settle).once('error', settle).resume();
  });
  if (!req.complete && !res.headersSent) res.setHeader('connection', 'close');
}
