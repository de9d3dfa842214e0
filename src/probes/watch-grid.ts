/**
 * When watches tick. Every service has its own phase, so that a thousand watches of one worker do not look at the same
 * moment, and the clusters of one service do, so that one reading of its traffic serves them all. The grid hangs on
 * the clock and not on when a watch began: the next one goes on where the last one stopped, an interval later.
 */
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** Where in an interval the ticks of `key` lie, 0 up to `intervalMs`; the same in every process. */
export function phaseOf(key: string, intervalMs: number): number {
  let hash = FNV_OFFSET;
  for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), FNV_PRIME) >>> 0;
  return (stir(hash) / 2 ** 32) * intervalMs;
}

/** Names that differ in their last digit differ in the low bits only: the finish of MurmurHash3 spreads them. */
function stir(hash: number): number {
  const once = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35);
  return (twice ^ (twice >>> 16)) >>> 0;
}

/** The first moment of the grid after `atMs`. */
export function slotAfter(atMs: number, phaseMs: number, intervalMs: number): number {
  return (Math.floor((atMs - phaseMs) / intervalMs) + 1) * intervalMs + phaseMs;
}

/**
 * The first tick of a watch: at once when nobody has looked for an interval, else the next slot, but no sooner than half
 * an interval after the last look, because failures in a row must outlast a blip.
 */
export function firstTick(
  moment: { readonly atMs: number; readonly lastTickAtMs: number | null },
  phaseMs: number,
  intervalMs: number,
): number {
  const { atMs, lastTickAtMs } = moment;
  const isRecent = lastTickAtMs !== null && lastTickAtMs <= atMs && atMs - lastTickAtMs < intervalMs;
  return isRecent ? slotAfter(Math.max(atMs, lastTickAtMs + intervalMs / 2), phaseMs, intervalMs) : atMs;
}

/**
 * The tick after one that was planned for `plannedAtMs` and is over at `atMs`. Slots that a slow look has used up are
 * skipped. After a tick off the grid the next slot may be near: it is left out then. A clock that was put back is followed.
 */
export function nextTick(
  moment: { readonly atMs: number; readonly plannedAtMs: number },
  phaseMs: number,
  intervalMs: number,
): number {
  const { atMs, plannedAtMs } = moment;
  const wasPutBack = plannedAtMs - atMs > intervalMs;
  const from = wasPutBack ? atMs : Math.max(atMs, plannedAtMs + intervalMs / 2);
  return slotAfter(from, phaseMs, intervalMs);
}
