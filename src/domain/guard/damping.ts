/**
 * Flap damping: unrest adds to a penalty that halves in `failback.flapHalfLife`. It holds back what is not urgent, the way
 * home first, and never a failover away from a cluster that is dead or stuck.
 */
import { FLAP_HALF_LIFE_MS, type ServiceSpec } from '../fleet.js';
import type { Penalty } from './state.js';

/** What decides how fast a penalty fades. */
type Fading = Pick<ServiceSpec, 'failback'>;

const halfLifeMs = ({ failback }: Fading): number => failback.flapHalfLifeMs ?? FLAP_HALF_LIFE_MS;
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
export function penaltyAt({ value, atMs }: Penalty, nowMs: number, spec: Fading): number {
  return value * 2 ** (-Math.max(0, nowMs - atMs) / halfLifeMs(spec));
}

/** @replayed */
export function punish(penalty: Penalty, points: number, nowMs: number, spec: Fading): Penalty {
  return { value: Math.min(PENALTY_MAX, penaltyAt(penalty, nowMs, spec) + points), atMs: nowMs };
}

/** When the penalty will have fallen to `bound`, ms; `nowMs` when it has. @replayed */
export function calmAtMs(penalty: Penalty, bound: number, nowMs: number, spec: Fading): number {
  const value = penaltyAt(penalty, nowMs, spec);
  // A millisecond more: at the time that is told it must be below, whatever the rounding.
  return value < bound ? nowMs : nowMs + Math.ceil(halfLifeMs(spec) * Math.log2(value / bound)) + 1;
}
