/** How much a caller's request matters when not all can be served. */

/** Most important first. */
export const PRIORITIES = ['high', 'normal', 'low'] as const;
export type Priority = (typeof PRIORITIES)[number];

export const DEFAULT_PRIORITY: Priority = 'normal';

/** `null` for a word that is none: a misspelled `low` must not pass for `normal` until the day when it matters. */
export function priorityOf(header: unknown): Priority | null {
  if (header === undefined) return DEFAULT_PRIORITY;
  return PRIORITIES.find((priority) => priority === header) ?? null;
}

/** The less important of the two: what a caller claims, and what it may claim at most. */
export function atMost(max: Priority, claimed: Priority): Priority {
  return PRIORITIES.indexOf(claimed) < PRIORITIES.indexOf(max) ? max : claimed;
}

/** Seconds after which a refused caller may come back: the important ones first. */
const RETRY_AFTER_S: Readonly<Record<Priority, number>> = { high: 1, normal: 2, low: 5 };

/**
 * Seconds that the caller who is refused as the `nth` is asked to wait: from the base of its priority up to twice that,
 * in turn, so that those who were refused together do not come back together.
 */
export function retryAfterS(priority: Priority, nth: number): number {
  const base = RETRY_AFTER_S[priority];
  return base + (nth % (base + 1));
}
