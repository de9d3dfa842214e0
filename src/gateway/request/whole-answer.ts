/** Answers in one piece: whether the engine finished them, and how they go out. */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { atEndOfTurn, ONE_PIECE_BYTES_MAX } from '../end-of-turn.js';
import { answerHead } from './answer-head.js';
import type { AttemptOrder } from './attempt-order.js';
import { rewriterOf } from './rewriter.js';

/** An answer in one piece can be an aborted one too. */
const ABORTED_ANSWER = /"finish_reason"\s*:\s*"(?:abort|error)"/;

export const wasAborted = (body: Buffer): boolean => ABORTED_ANSWER.test(body.toString('latin1'));

export interface WholeAnswer {
  readonly status: number;
  /** The cluster's. */
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Sends it, without what its caller has not asked for. */
export function sendWhole(order: AttemptOrder, { status, headers, body: came }: WholeAnswer): void {
  const { res, member, request } = order;
  const body = rewriterOf(order, status, headers)?.rewrite(came) ?? came;
  const head = answerHead({ headers, member, isVerbatim: body === came });
  if (status === 204 || status === 304) delete head['content-length'];
  else if (request.method !== 'HEAD') head['content-length'] = String(body.length);
  res.writeHead(status, head);
  atEndOfTurn(() => {
    try {
      endAtOnce(res, body);
    } catch (error) {
      res.destroy(); // nobody else ends it now
      throw error;
    }
  });
}

/** Head and body as one text and in one write, where they are small: together with its own end Node would write pieces. */
function endAtOnce(res: ServerResponse, body: Buffer): void {
  const { socket } = res;
  if (socket === null || body.length > ONE_PIECE_BYTES_MAX) {
    res.end(body);
    return;
  }
  socket.cork();
  res.write(body.toString('latin1'), 'latin1');
  socket.uncork();
  res.end();
}
