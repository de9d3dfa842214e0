/** A cluster in maintenance is no target and no trigger: somebody works on it, for a stated time and reason. */
import type { ClusterName } from '../words.js';
import type { GuardState, Maintenance } from './state.js';

/** @replayed */
export function withoutExpired(state: GuardState, nowMs: number): GuardState {
  const freeze = state.freeze !== null && state.freeze.untilMs <= nowMs ? null : state.freeze;
  const kept = Object.entries(state.maintenance).filter(([, lease]) => lease.untilMs > nowMs);
  if (freeze === state.freeze && kept.length === Object.keys(state.maintenance).length) return state;
  return { ...state, freeze, maintenance: Object.fromEntries(kept) };
}

/** Clusters that may not take traffic, each with its sentence. @replayed */
export function barredClusters(state: GuardState): Record<ClusterName, string> {
  return Object.fromEntries(
    Object.entries(state.maintenance).map(([name, lease]) => [name, maintenanceSentence(lease)]),
  );
}

/** e.g. `in maintenance by bob until 2026-01-01T12:00:00.000Z: new GPUs` @replayed */
export const maintenanceSentence = ({ by, reason, untilMs }: Maintenance): string =>
  `in maintenance by ${by} until ${new Date(untilMs).toISOString()}: ${reason}`;
