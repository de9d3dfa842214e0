/**
 * Flap damping: unrest adds to a penalty that halves every quarter of an hour. It holds back what is not urgent, the way
 * home first, and never a failover away from a cluster that is dead or stuck.
 */
import type { Penalty } from './state.js';

/** As in route flap damping: a few events of one quarter of an hour add up, those of another hour do not. */
export const HALF_LIFE_MS = 15 * 60_000;
export const FAILOVER_PENALTY = 1_000;
export const HEALED_PENALTY = 500;
/** From here on nothing goes home by itself: one failover and its recovery stay below, the second one does not. */
export const FAILBACK_PENALTY_MAX = 2_000;
/** From here on a person must agree to a failover away from a cluster that still limps. */
export const DEGRADED_PENALTY_MAX = 4_000;
/** More adds nothing: 16,000 takes 45 min to fall below the first bound. */
const PENALTY_MAX = 16_000;

export const NO_PENALTY: Penalty = { value: 0, atMs: 0 };

/** @replayed */
export function penaltyAt({ value, atMs }: Penalty, nowMs: number): number {
  return value * 2 ** (-Math.max(0, nowMs - atMs) / HALF_LIFE_MS);
}

/** @replayed */
export function punish(penalty: Penalty, points: number, nowMs: number): Penalty {
  return { value: Math.min(PENALTY_MAX, penaltyAt(penalty, nowMs) + points), atMs: nowMs };
}

/** When the penalty will have fallen to `bound`, ms; `nowMs` when it has. @replayed */
export function calmAtMs(penalty: Penalty, bound: number, nowMs: number): number {
  const value = penaltyAt(penalty, nowMs);
  // A millisecond more: at the time that is told it must be below, whatever the rounding.
  return value < bound ? nowMs : nowMs + Math.ceil(HALF_LIFE_MS * Math.log2(value / bound)) + 1;
}
