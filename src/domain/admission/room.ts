/** How many requests a cluster, and a spill, may have at once. Who goes where is asked only when a cluster is full. */

/** A cluster of which nobody said what it can do has no limit: unknown is not a limit. */
export const NO_LIMIT = Infinity;

/**
 * Above its limit by this share, and at least by this many, a cluster may take what was begun elsewhere: those callers
 * have been told half an answer, and engines queue a few more without harm.
 */
export const BEGUN_EXTRA_SHARE = 0.25;
export const BEGUN_EXTRA_MIN = 2;

/** The most that may run on a cluster when an answer that another one began is to go on there. */
export function limitForBegun(limit: number): number {
  return limit + Math.max(BEGUN_EXTRA_MIN, Math.floor(limit * BEGUN_EXTRA_SHARE));
}

export interface SpillSeen {
  /** Requests of the service that run, on whatever cluster. */
  readonly running: number;
  /** Of those: on a cluster that does not carry, only because those that do were full. */
  readonly spilled: number;
  /** Largest share that may be spilled, percent; 0: none ever is. */
  readonly maxPct: number;
}

/**
 * Whether one more request may go to a standby because those that carry are full. Bounded, for a standby holds its room
 * for the day when it must take over, and its prefix cache is cold. A service of few requests may spill one.
 */
export function maySpill({ running, spilled, maxPct }: SpillSeen): boolean {
  if (maxPct <= 0) return false;
  return spilled + 1 <= Math.max(1, (maxPct / 100) * (running + 1));
}
