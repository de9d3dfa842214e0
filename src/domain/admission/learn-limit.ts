/**
 * How many requests at once a cluster can do, learned from what it answers: a few more as long as it is full and keeps its
 * pace, a tenth less when it refuses or its first tokens come late. Looked at once a window.
 */

/** Before anything is known: what a small engine does, and doubled within some seconds where it can do more. */
export const LEARN_FIRST = 32;
/** A cluster that can do less is not overloaded but broken, which is for ejection to say. */
export const LEARN_MIN = 4;
export const LEARN_MAX = 4_096;
export const LEARN_WINDOW_MS = 1_000;

/** First tokens that take this many times as long as they did mean that the engine queues. */
const LATE_FACTOR = 2;
const SHRINK = 0.9;
/** Only a limit that was nearly reached has been tried, so that more may be. */
const TRIED_SHARE = 0.8;
/** Late tokens of a cluster that is not half full have another cause than too many requests. */
const BLAMED_SHARE = 0.5;
/** The pace follows quicker windows soon, slower ones over minutes: longer prompts are no overload. */
const QUICKER_SHARE = 0.3;
const SLOWER_SHARE = 0.005;

export interface Learned {
  readonly limit: number;
  /** Time to the first token when all is well, ms; `null`: none came yet. */
  readonly paceMs: number | null;
}

export interface LearnWindow {
  /** Most that ran at once. */
  readonly runningMax: number;
  /** Mean time to the first token of its streams, ms; `null`: none came. */
  readonly firstTokenMs: number | null;
  /** Answers that say "too much": 429, 5xx, no first byte in time. */
  readonly refusals: number;
}

export const NOTHING_LEARNED: Learned = { limit: LEARN_FIRST, paceMs: null };

export function learnLimit({ limit, paceMs }: Learned, seen: LearnWindow): Learned {
  if (seen.refusals > 0) return { limit: bounded(Math.min(limit, seen.runningMax) * SHRINK), paceMs };
  const late = paceMs !== null && seen.firstTokenMs !== null && seen.firstTokenMs > LATE_FACTOR * paceMs;
  const pace = paceAfter(paceMs, seen.firstTokenMs);
  if (late) {
    const blamed = seen.runningMax >= BLAMED_SHARE * limit;
    return { limit: blamed ? bounded(limit * SHRINK) : limit, paceMs: pace };
  }
  if (seen.runningMax < TRIED_SHARE * limit) return { limit, paceMs: pace };
  return { limit: bounded(limit + Math.sqrt(limit)), paceMs: pace };
}

const bounded = (limit: number): number => Math.min(LEARN_MAX, Math.max(LEARN_MIN, Math.floor(limit)));

function paceAfter(paceMs: number | null, seenMs: number | null): number | null {
  if (paceMs === null || seenMs === null) return seenMs ?? paceMs;
  return paceMs + (seenMs - paceMs) * (seenMs < paceMs ? QUICKER_SHARE : SLOWER_SHARE);
}
