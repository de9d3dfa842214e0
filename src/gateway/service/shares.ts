/** The shares that hold at this moment: what was written, and what an overloaded cluster's lease makes of it. */
import { spilled } from '../../domain/strategies.js';
import type { SpillLease } from '../../domain/traffic.js';
import type { ClusterName, Weights } from '../../domain/words.js';
import { spillOf, type ServiceRoute } from '../routes/route-table.js';

export interface Shares {
  readonly weights: Weights;
  readonly spill: SpillLease | null;
  /** Carries only because another one is overloaded: what holds for a standby holds for it. */
  readonly guest: ClusterName | null;
}

/** A drained cluster takes nothing over; an ejected one is left out with all other shares. `nowMs`: wall clock. */
export function sharesOf(route: ServiceRoute, nowMs: number, isOut: (cluster: ClusterName) => boolean): Shares {
  const { weights, drained } = route;
  const spill = spillOf(route, nowMs);
  if (spill === null || drained.includes(spill.to)) return { weights, spill: null, guest: null };
  const isGuest = (weights[spill.to] ?? 0) === 0 && !isOut(spill.from);
  return { weights: spilled(weights, spill), spill, guest: isGuest ? spill.to : null };
}
