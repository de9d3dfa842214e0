/** How long to wait before starting something again that ended by itself. Pure. */
const FIRST_MS = 250;
const LAST_MS = 10_000;
/** One that ran this long was well: the next wait is the first one again. */
const WELL_AFTER_MS = 30_000;

/** @param earlier waits so far in this row; @param ranMs how long it ran this time */
export function nextWait(earlier: number, ranMs: number): { readonly waitMs: number; readonly row: number } {
  const row = ranMs >= WELL_AFTER_MS ? 0 : earlier;
  return { waitMs: Math.min(FIRST_MS * 2 ** row, LAST_MS), row: row + 1 };
}
