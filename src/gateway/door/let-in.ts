/** The door of the public side where callers need keys: who comes, and whether there is room left for one more request. */
import type { IncomingMessage } from 'node:http';
import { performance } from 'node:perf_hooks';
import type { WatchedResponse } from '../watched-response.js';
import type { Found, KeyRing } from './key-ring.js';

/** The caller, who is counted until its answer has ended; or why it may not come in. */
export function letIn(keys: KeyRing, req: IncomingMessage, res: WatchedResponse): Found {
  const found = keys.find(req.headers.authorization);
  if (found.kind === 'refused') return found;
  const { caller } = found;
  const error = caller.enter(performance.now());
  res.ownHeaders = () => caller.headers();
  if (error !== null) return { kind: 'refused', error };
  if (res.destroyed) caller.leave();
  else res.once('close', () => caller.leave());
  return found;
}
