/** Asks a cluster on the gateway's own account, and waits for all of its answer, for a bounded time and size. */
import type { Connections } from './connections.js';
import type { UpstreamRequest } from './request-head.js';

export interface WholeAnswer {
  readonly status: number;
  readonly body: Buffer;
}

export interface Bounds {
  readonly bytesMax: number;
  readonly signal: AbortSignal;
}

/** @throws Error when no answer comes, or none within the bounds */
export async function askWhole(
  connections: Connections,
  request: UpstreamRequest,
  { bytesMax, signal }: Bounds,
): Promise<WholeAnswer> {
  signal.throwIfAborted();
  return await new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let [status, bytes] = [0, 0];
    const giveUp = (error: Error): void => {
      answering.stop();
      signal.removeEventListener('abort', tooLate);
      reject(error);
    };
    const tooLate = (): void => giveUp(new Error('no answer in time'));
    const answering = connections.ask(request, {
      onHead: (code) => (status = code),
      onBody: (piece) => {
        bytes += piece.length;
        if (bytes > bytesMax) giveUp(new Error(`the answer is larger than ${bytesMax} bytes`));
        else pieces.push(piece);
      },
      onEnd: () => {
        signal.removeEventListener('abort', tooLate);
        resolve({ status, body: Buffer.concat(pieces) });
      },
      onError: giveUp,
    });
    signal.addEventListener('abort', tooLate, { once: true });
  });
}
