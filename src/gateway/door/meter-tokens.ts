/** Counts a request against its caller's limit in tokens: what it may cost when it comes, what it did cost at its end. */
import type { ServerResponse } from 'node:http';
import { tokensExpected, tokensReserved, tokensSpent } from '../../domain/token-cost.js';
import type { AnswerSeen } from '../account/answer-seen.js';
import type { Caller } from './caller.js';

export interface MeterOrder {
  readonly caller: Caller;
  readonly res: ServerResponse;
  /** Looks at the answer. */
  readonly seen: AnswerSeen;
  /** As it was parsed; `null`: it has no text. */
  readonly request: unknown;
  /** Answers that it asks for. */
  readonly answers: number;
  /** Of the request as its cluster gets it. */
  readonly bytes: number;
  /** The answer is a text: what nobody counted of it can be told from its length. */
  readonly isText: boolean;
}

export function meterTokens({ caller, res, seen, request, answers, bytes, isText }: MeterOrder): void {
  if (res.destroyed) return; // its end was told already: what is reserved now would stay reserved
  const { tokens } = caller;
  const expected = tokensExpected({ request, answers, bytes });
  const reserved = tokensReserved(expected);
  tokens.spend(reserved);
  let frames = 0;
  seen.onChunk = (chunk) => {
    frames += framesIn(chunk);
  };
  res.once('close', () => {
    // One that left before its answer had its prompt read, for all that is known.
    const { prompt, completion } = seen.tokens();
    const answered = res.statusCode >= 400 ? null : { prompt, completion, frames, bytes: isText ? seen.bytes : 0 };
    tokens.spend(tokensSpent(expected, answered) - reserved);
  });
}

const DATA = 'data:';
/** Line feeds inside JSON are escaped, so that no text of a model can look like an event. */
const NEXT_DATA = '\ndata:';

/** Chunks of a stream begin with a line. */
function framesIn(chunk: Buffer | string): number {
  let frames = chunk.indexOf(DATA) === 0 ? 1 : 0;
  for (let at = chunk.indexOf(NEXT_DATA); at >= 0; at = chunk.indexOf(NEXT_DATA, at + 1)) frames++;
  return frames;
}
