/** What a caller is told when nobody could serve it, or when its stream broke off for good. */
import type { ServerResponse } from 'node:http';
import { CANNOT_CONTINUE, type CannotContinue } from '../../domain/continuation/cannot-continue.js';
import type { ClusterName } from '../../domain/words.js';
import type { AttemptEnd, FailedAnswer } from './attempt-order.js';
import { parseObject } from '../json-object.js';
import type { CallerError } from './openai-error.js';

/** Seconds that a caller is asked to wait when nobody can serve: half-open returns begin after one. */
const RETRY_AFTER_S = 1;

export const nobody = (service: string): CallerError => ({
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

export function failed(cluster: ClusterName, end: Extract<AttemptEnd, { kind: 'failed' }>): CallerError {
  const timedOut = end.failure.endsWith('-timeout');
  const status = end.answer?.status ?? (timedOut ? 504 : 502);
  const message = `${cluster} failed (${end.failure}: ${end.why}) and no other cluster could take over`;
  return {
    status,
    type: 'upstream_error',
    code: timedOut ? 'timeout' : 'cluster-failed',
    message,
    retryAfterS: RETRY_AFTER_S,
  };
}

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

/** A cluster's own error is passed on when callers can read it; an HTML page of some proxy is not. */
export function isOpenAiError(body: Buffer): boolean {
  const error = parseObject(body.toString('utf8'))?.['error'];
  return typeof error === 'object' && error !== null;
}

/** A failed cluster's own error, as it came. */
export function sendAnswer(res: ServerResponse, answer: FailedAnswer): void {
  if (res.headersSent || res.destroyed) return;
  res.writeHead(answer.status, {
    'content-type': 'application/json',
    'content-length': answer.body.length,
    'retry-after': answer.headers['retry-after'] ?? String(RETRY_AFTER_S),
  });
  res.end(answer.body);
}
