/** Who changes what goes out of an answer: conversations that put ids in, ids that nobody asked for. */
import type { IncomingHttpHeaders } from 'node:http';
import type { AttemptOrder } from './attempt-order.js';
import { kindOfAnswer } from './headers.js';

/** `null`: it goes out as it came. Nobody can where it is compressed, or no text at all. */
export function rewriterOf(
  { keeper, hides }: AttemptOrder,
  status: number,
  headers: IncomingHttpHeaders,
): AttemptOrder['hides'] {
  if (headers['content-encoding'] !== undefined || kindOfAnswer(status, headers) === 'passing') return null;
  return keeper ?? hides;
}
