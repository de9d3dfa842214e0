/** Asks a cluster on the gateway's own account, and waits for all of its answer, for a bounded time and size. */
import { GatheredBytes } from '../../engines/gathered-bytes.js';
import { Deadline } from '../deadline.js';
import type { Connections } from './connections.js';
import type { UpstreamRequest } from './request-head.js';

export interface WholeAnswer {
  readonly status: number;
  readonly body: Buffer;
}

export interface Bounds {
  readonly bytesMax: number;
  readonly timeoutMs: number;
}

/** @throws Error when no answer comes, or none within the bounds */
export async function askWhole(
  connections: Connections,
  request: UpstreamRequest,
  { bytesMax, timeoutMs }: Bounds,
): Promise<WholeAnswer> {
  return await new Promise((resolve, reject) => {
    const pieces = new GatheredBytes();
    let status = 0;
    const giveUp = (error: Error): void => {
      answering.stop();
      tooLate.stop();
      reject(error);
    };
    const answering = connections.ask(request, {
      onHead: (code) => (status = code),
      onBody: (piece) => {
        pieces.add(piece);
        if (pieces.size > bytesMax) giveUp(new Error(`the answer is larger than ${bytesMax} bytes`));
      },
      onEnd: () => {
        tooLate.stop();
        resolve({ status, body: pieces.all() });
      },
      onError: giveUp,
      onFault: (error) => giveUp(new Error('the answer could not be read', { cause: error })),
    });
    const tooLate = new Deadline(timeoutMs, () => giveUp(new Error('no answer in time')));
  });
}
