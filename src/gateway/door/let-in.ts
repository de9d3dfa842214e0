/** The door of the public side where callers need keys: who comes, and whether there is room left for one more request. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import type { Caller } from './caller.js';
import type { KeyRing } from './key-ring.js';
import type { CallerError } from '../request/openai-error.js';
import type { Refusals } from './refusals.js';
import { discardRest } from './request-body.js';

interface Visit {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

/** The caller, who is counted until its answer has ended; or it was refused, and answered. */
export async function letIn(keys: KeyRing, refusals: Refusals, visit: Visit): Promise<Caller | 'refused'> {
  const { req, res } = visit;
  const found = keys.find(req.headers.authorization);
  if (found.kind === 'refused') return await refuse(found.error, refusals, visit);
  const { caller } = found;
  const error = caller.enter(performance.now());
  for (const [name, value] of caller.headers()) res.setHeader(name, value);
  if (error !== null) return await refuse(error, refusals, visit);
  res.once('close', () => caller.leave());
  return caller;
}

async function refuse(error: CallerError, refusals: Refusals, { req, res }: Visit): Promise<'refused'> {
  await discardRest(req, res);
  refusals.send(res, error);
  return 'refused';
}
