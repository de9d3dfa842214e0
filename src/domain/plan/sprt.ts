/**
 * Wald's sequential probability ratio test on a share of bad events. It may be looked at after every event without
 * raising the false alarm rate, and it needs no baseline, so it also works when the old cluster is dead.
 * Wald, "Sequential Tests of Statistical Hypotheses" (1945).
 */
export interface SprtSettings {
  /** Share of bad events that is fine. */
  readonly p0: number;
  /** Share of bad events that is not. */
  readonly p1: number;
  /** Chance to abort although the share is p0. */
  readonly alpha: number;
  /** Chance to accept although the share is p1. */
  readonly beta: number;
}

/** 36 clean events accept; 3 bad ones at the beginning abort. */
export const ERRORS_TEST: SprtSettings = { p0: 0.02, p1: 0.1, alpha: 0.01, beta: 0.05 };

/** A cold target is slow for some requests; a quarter of them is too many. 13 fast ones accept. */
export const SLOWNESS_TEST: SprtSettings = { p0: 0.05, p1: 0.25, alpha: 0.01, beta: 0.05 };

export type SprtVerdict = 'accept' | 'abort' | 'undecided';

/** @replayed */
export function sequentialTest(good: number, bad: number, test: SprtSettings): SprtVerdict {
  const score = bad * Math.log(test.p1 / test.p0) + good * Math.log((1 - test.p1) / (1 - test.p0));
  if (score >= Math.log((1 - test.beta) / test.alpha)) return 'abort';
  if (score <= Math.log(test.beta / (1 - test.alpha))) return 'accept';
  return 'undecided';
}
