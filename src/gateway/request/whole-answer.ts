/** Answers in one piece: whether the engine finished them, and how they go out. */
import type { ServerResponse } from 'node:http';
import { atEndOfTurn, ONE_PIECE_BYTES_MAX } from '../end-of-turn.js';

/** An answer in one piece can be an aborted one too. */
const ABORTED_ANSWER = /"finish_reason"\s*:\s*"(?:abort|error)"/;

export const wasAborted = (body: Buffer): boolean => ABORTED_ANSWER.test(body.toString('latin1'));

export interface WholeAnswer {
  readonly method: string;
  readonly status: number;
  readonly headers: Record<string, string | string[]>;
  readonly body: Buffer;
}

export function sendWhole(res: ServerResponse, { method, status, headers, body }: WholeAnswer): void {
  const bodiless = method === 'HEAD' || status === 204 || status === 304;
  if (!bodiless) headers['content-length'] = String(body.length);
  res.writeHead(status, headers);
  atEndOfTurn(() => endAtOnce(res, body));
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
