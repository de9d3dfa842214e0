/**
 * Who must answer for a failed request: the caller (4xx), a quota (429) or the cluster (all the rest). Only what the
 * cluster must answer for is tried elsewhere and counts against it: an oversized prompt must never open every breaker.
 */

export type ErrorOwner = 'none' | 'client' | 'quota' | 'cluster';

/**
 * What the gateway does with an answer of this HTTP status. 501 says that this engine lacks what was asked for. A cluster
 * that refuses the key which we hold for it (`ownKey`) is set up wrongly, and no caller can mend that.
 */
export function ownerOfStatus(status: number, ownKey = false): ErrorOwner {
  if (status < 400) return 'none';
  if (ownKey && (status === 401 || status === 403)) return 'cluster';
  if (status === 429) return 'quota';
  if (status < 500 || status === 501) return 'client';
  return 'cluster';
}

/** How an attempt on a cluster can fail before its first byte; each is the cluster's to answer for. */
export const ATTEMPT_FAILURES = [
  'refused',
  'reset',
  'connect-timeout',
  'first-byte-timeout',
  'idle-timeout',
  'status',
  'error-frame',
  'empty-answer',
] as const;
export type AttemptFailure = (typeof ATTEMPT_FAILURES)[number];

/** Codes of Node, and of our own connections, that say that no connection came about. */
const NOT_CONNECTED: Readonly<Record<string, AttemptFailure>> = {
  ECONNREFUSED: 'refused',
  ENOTFOUND: 'refused',
  EAI_AGAIN: 'refused',
  EHOSTUNREACH: 'refused',
  ENETUNREACH: 'refused',
  CONNECT_TIMEOUT: 'connect-timeout',
  ETIMEDOUT: 'connect-timeout',
};

/** What this process or its machine has run out of: no cluster is to blame, and another one could not be reached either. */
const EXHAUSTED: ReadonlySet<string> = new Set([
  'EAGAIN',
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'EADDRINUSE',
  'EADDRNOTAVAIL',
  'ENOMEM',
  'EAI_MEMORY',
]);

/** Whether a transport error's code says that this process or its machine has run out of something. */
export const isOwnExhaustion = (code: string): boolean => EXHAUSTED.has(code);

/** The failure behind a transport error's `code`; everything that is not known broke a connection that stood. */
export function failureOfTransport(code: string | undefined): AttemptFailure | 'exhausted' {
  if (code !== undefined && EXHAUSTED.has(code)) return 'exhausted';
  return (code === undefined ? undefined : NOT_CONNECTED[code]) ?? 'reset';
}

/**
 * Whether a further try may double the work: the failed cluster answered or may still be at it. Where the connection is
 * gone nothing is left to double, and a crash must not lose the requests beyond some share.
 */
export function costsRetryBudget(failure: AttemptFailure): boolean {
  return failure !== 'refused' && failure !== 'reset';
}

/** Failures by which an overloaded cluster speaks. */
export function saysTooMuch(failure: AttemptFailure | 'cut'): boolean {
  return failure === 'status' || failure === 'first-byte-timeout';
}

/** A refused connection needs no second witness: nothing listens there, and a model takes minutes to load. */
export function ejectsAtOnce(failure: AttemptFailure): boolean {
  return failure === 'refused';
}
