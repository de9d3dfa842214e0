/**
 * A cluster that was out for a while comes back slowly: its caches are cold and its trouble may not be over. Only large
 * shares are held back, so the small first steps of a move go through as they were written.
 */
import type { ClusterName, Weights } from '../words.js';

/** From the first share to all of it, ms: several times what a model takes to fill its batch. */
export const SLOW_START_MS = 10_000;
/** Largest share at the moment of return, percent. */
export const SLOW_START_FIRST_PCT = 10;

/** The largest share, percent, of a cluster that came back `sinceMs` ago. */
export function shareMaxPct(sinceMs: number): number {
  if (sinceMs >= SLOW_START_MS) return 100;
  return SLOW_START_FIRST_PCT + ((100 - SLOW_START_FIRST_PCT) * Math.max(0, sinceMs)) / SLOW_START_MS;
}

export interface SlowStart {
  readonly cluster: ClusterName;
  /** Percent. */
  readonly shareMax: number;
}

/**
 * The weights with the shares of those that came back held down. What they do not get goes to the others that carry, else
 * to the first of `standing`, the standbys that are well; when there is neither, nobody is held back.
 */
export function slowStarted(
  weights: Weights,
  starting: readonly SlowStart[],
  standing: readonly ClusterName[],
): Weights {
  const held = starting.filter(({ cluster, shareMax }) => (weights[cluster] ?? 0) > shareMax);
  if (held.length === 0) return weights;
  const isStarting = (name: ClusterName): boolean => starting.some(({ cluster }) => cluster === name);
  const carriers = Object.keys(weights).filter((name) => (weights[name] ?? 0) > 0 && !isStarting(name));
  const takers = carriers.length > 0 ? carriers : standing.filter((name) => !isStarting(name)).slice(0, 1);
  if (takers.length === 0) return weights;
  const next: Record<ClusterName, number> = { ...weights };
  let over = 0;
  for (const { cluster, shareMax } of held) {
    over += (weights[cluster] ?? 0) - shareMax;
    next[cluster] = shareMax;
  }
  const carried = takers.reduce((sum, name) => sum + (weights[name] ?? 0), 0);
  for (const name of takers) {
    const share = carried === 0 ? 1 : (weights[name] ?? 0) / carried;
    next[name] = (weights[name] ?? 0) + over * share;
  }
  return next;
}
