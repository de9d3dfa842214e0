/** What a caller is told when nobody could serve it, or when its stream broke off for good. */
import type { ServerResponse } from 'node:http';
import { CANNOT_CONTINUE, type CannotContinue } from '../../domain/continuation/cannot-continue.js';
import type { ServiceName } from '../../domain/words.js';
import type { FailedAnswer, FailedAt } from './attempt-order.js';
import { parseFields } from '../../domain/outside.js';
import { advised } from './advised-wait.js';
import { errorFrame, sendError, type CallerError } from './openai-error.js';

/** Seconds that a caller is asked to wait when nobody can serve: half-open returns begin after one. */
const RETRY_AFTER_S = 1;

const nobody = (service: ServiceName): CallerError => ({
  status: 503,
  type: 'unavailable',
  code: 'no-cluster',
  message: `no cluster of ${service} takes requests now`,
  retryAfterS: RETRY_AFTER_S,
});

/** Everybody who could serve is full, and so is the queue, or it took too long. */
export const overloaded = (service: string, afterS: number): CallerError => ({
  status: 503,
  type: 'unavailable',
  code: 'overloaded',
  message: `every cluster of ${service} is full`,
  retryAfterS: afterS,
});

function failed({ cluster, end }: FailedAt): CallerError {
  const timedOut = end.failure.endsWith('-timeout');
  const status = end.answer?.status ?? (timedOut ? 504 : 502);
  const message = `${cluster} failed (${end.failure}: ${end.reason.why}) and no other cluster could take over`;
  return {
    status,
    type: 'upstream_error',
    code: timedOut ? 'timeout' : 'cluster-failed',
    message,
    retryAfterS: RETRY_AFTER_S,
  };
}

export const tooLate = (totalMs: number): CallerError => ({
  status: 504,
  type: 'upstream_error',
  code: 'timeout',
  message: `no whole answer within ${totalMs} ms`,
});

/** It outlived the grace of a gateway that ends; another one, or the next, can answer. */
export const shuttingDown: CallerError = {
  status: 503,
  type: 'unavailable',
  code: 'shutting-down',
  message: 'this gateway is being stopped and had no time left for the answer',
  retryAfterS: RETRY_AFTER_S,
};

/** What this caller has sent cannot be passed on. */
export const unfit = (message: string): CallerError => ({
  status: 400,
  type: 'invalid_request_error',
  code: 'bad-input',
  message,
});

/** A bug in the gateway, met by this request; the log has it. */
const ownFault: CallerError = {
  status: 500,
  type: 'server_error',
  code: 'gateway-fault',
  message: 'a bug in the gateway ended this request, and no other; its log says where',
};

/** Whatever the caller has of its answer, it must not look whole. `isStream`: of events. */
export function endFaulted(res: ServerResponse, isStream = false): void {
  if (!res.headersSent) sendError(res, ownFault);
  else if (isStream && !res.writableEnded) res.end(`\n\n${errorFrame(ownFault)}`);
  else if (!res.writableEnded) res.destroy();
}

/** Idle connections to clusters are closed within this, s, and their descriptors are free. */
const EXHAUSTED_RETRY_S = 5;

/** No descriptor, port or memory is left here. */
const gatewayExhausted: CallerError = {
  status: 503,
  type: 'unavailable',
  code: 'gateway-exhausted',
  message: 'this gateway has nothing left to open a connection to a cluster with; no cluster was asked',
  retryAfterS: EXHAUSTED_RETRY_S,
};

/** It has as many connections of callers as it may. */
export const gatewayFull: CallerError = {
  status: 503,
  type: 'unavailable',
  code: 'gateway-full',
  message: 'this gateway has as many connections as it may, and each has a request; nothing was asked',
  retryAfterS: RETRY_AFTER_S,
};

/** What is under way takes all the memory that it may. */
export const memoryFull: CallerError = {
  status: 503,
  type: 'unavailable',
  code: 'memory-full',
  message: 'this gateway has no memory for so large a request beside those that are under way; nothing was asked',
  retryAfterS: RETRY_AFTER_S,
};

/** A stream that nobody could have continued. */
export const streamCut = (why: string): CallerError => ({
  status: 502,
  type: 'upstream_cut',
  code: 'stream-cut',
  message: why,
});

/** A stream that another cluster might have continued, had it not been for `because`. */
export const cannotContinue = (because: CannotContinue, why: string): CallerError => ({
  status: 502,
  type: 'upstream_cut',
  code: 'cannot-continue',
  reason: because,
  message: `${why}; it was not continued elsewhere: ${CANNOT_CONTINUE[because]}`,
});

/** `null`: there was nobody to try. `exhausted`: nothing to try it with. */
export function sendFailure(res: ServerResponse, service: ServiceName, failure: FailedAt | 'exhausted' | null): void {
  if (failure === 'exhausted') {
    sendError(res, gatewayExhausted);
    return;
  }
  const answer = failure?.end.answer ?? null;
  if (answer !== null && isOpenAiError(answer.body)) sendAnswer(res, answer);
  else sendError(res, failure === null ? nobody(service) : failed(failure));
}

/** A cluster's own error is passed on when callers can read it; an HTML page of some proxy is not. */
function isOpenAiError(body: Buffer): boolean {
  const error = parseFields(body.toString('utf8'))?.['error'];
  return typeof error === 'object' && error !== null;
}

/** A failed cluster's own error, as it came. */
function sendAnswer(res: ServerResponse, answer: FailedAnswer): void {
  if (res.headersSent || res.destroyed) return;
  res.writeHead(answer.status, {
    'content-type': 'application/json',
    'content-length': answer.body.length,
    'retry-after': advised('retry-after', answer.headers['retry-after'] ?? '', Date.now()) ?? String(RETRY_AFTER_S),
  });
  res.end(answer.body);
}
