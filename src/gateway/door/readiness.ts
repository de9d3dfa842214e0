/** Whether a gateway wants requests: what it tells load balancers, and what callers get that come all the same. */
import type { CallerError } from '../request/openai-error.js';

/** `catching-up`: its table may be old, so nobody is served yet. `closing`: it goes soon, and serves until then. */
export type Readiness = 'ready' | 'catching-up' | 'closing';

export const NOT_READY_BECAUSE: Readonly<Record<Exclude<Readiness, 'ready'>, string>> = {
  'catching-up': 'this gateway was away and asks the others for their route table first',
  closing: 'this gateway is being stopped',
};

/** To catch up takes 3 s at most, and mostly some milliseconds. */
const RETRY_AFTER_S = 1;

export const catchingUp: CallerError = {
  status: 503,
  type: 'unavailable',
  code: 'catching-up',
  message: NOT_READY_BECAUSE['catching-up'],
  retryAfterS: RETRY_AFTER_S,
};
