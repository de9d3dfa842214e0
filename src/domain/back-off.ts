/** How long to wait before starting something again that ended by itself. Pure. */
const FIRST_MS = 250;
const LAST_MS = 10_000;
/** One that ran this long was well: the next wait is the first one again. */
const WELL_AFTER_MS = 30_000;

/** So many ends in a row of processes that work side by side are no reason to wait. */
const AT_ONCE_MAX = 8;

/**
 * For one of several processes that share a task. The first are replaced at once, and so is the last one that is left,
 * however often it ends: a pause of all at once would be an outage. One that could not begin waits.
 */
export function replacementWait(
  earlier: number,
  { ranMs, served, isLast }: { readonly ranMs: number; readonly served: boolean; readonly isLast: boolean },
): { readonly waitMs: number; readonly row: number } {
  const row = ranMs >= WELL_AFTER_MS ? 0 : earlier;
  if (served && (isLast || row < AT_ONCE_MAX)) return { waitMs: 0, row: row + 1 };
  const waitMs = isLast ? FIRST_MS : nextWait(Math.max(0, row - AT_ONCE_MAX), 0).waitMs;
  return { waitMs, row: row + 1 };
}

/** @param earlier waits so far in this row; @param ranMs how long it ran this time */
export function nextWait(earlier: number, ranMs: number): { readonly waitMs: number; readonly row: number } {
  const row = ranMs >= WELL_AFTER_MS ? 0 : earlier;
  return { waitMs: Math.min(FIRST_MS * 2 ** row, LAST_MS), row: row + 1 };
}
