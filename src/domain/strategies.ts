/**
 * Which share of a service's new requests each cluster gets, and whose turn it is. `intended` is what was written,
 * without drained clusters; what comes out is what is applied now (docs/gateway.md, "Strategies").
 */
import type { SpillLease } from './traffic.js';
import type { ClusterName, Strategy, Weights } from './words.js';

type SpillShare = Pick<SpillLease, 'from' | 'to' | 'sharePct'>;

/** What real traffic of the last half minute says of a cluster; `null` where there was none. */
export interface LiveMeasure {
  /** Mean time to the first byte, ms. */
  readonly avgLatencyMs: number;
  /** Failures that the cluster must answer for, 0-1. */
  readonly errorRate: number;
}

/**
 * `normal`: clusters with an intended share carry the traffic. `standby`: all of those are ejected, the others carry it.
 * `last-resort`: every cluster is ejected, so ejection is ignored. `least-bad`: every measured weight is zero.
 * `none`: there is no cluster.
 */
export type Footing = 'normal' | 'standby' | 'last-resort' | 'least-bad' | 'none';

export interface EffectiveWeights {
  /** Percent, adding up to 100 unless the footing is `none`; every cluster of `intended` has an entry. */
  readonly weights: Weights;
  readonly footing: Footing;
}

/** Mean latency at which half of a weight is lost, ms. */
const LATENCY_FULL_LOSS_MS = 5_000;
/** Error rate times this is lost from the other half: 10 % of errors lose it all. */
const ERROR_RATE_LOSS = 10;

/** `(max(0, 1 - avgLatency / 5 s) + max(0, 1 - 10 x errorRate)) / 2`, 0-1; not measured counts as good. */
export function measuredWeight(live: LiveMeasure | null): number {
  if (live === null) return 1;
  const latency = Math.max(0, 1 - live.avgLatencyMs / LATENCY_FULL_LOSS_MS);
  const errors = Math.max(0, 1 - ERROR_RATE_LOSS * live.errorRate);
  return (latency + errors) / 2;
}

/**
 * The weights that are really applied. Ejected clusters are left out as long as any other is there, even one without an
 * intended share: callers must be served when nobody is left to decide. `round-robin` takes turns in proportion to the
 * intended shares, which are equal at home; so a ramp works on it as on the others.
 */
export function effectiveWeights(
  strategy: Strategy,
  intended: Weights,
  live: Readonly<Record<ClusterName, LiveMeasure | null>>,
  ejected: ReadonlySet<ClusterName>,
): EffectiveWeights {
  const names = Object.keys(intended);
  const standing = names.filter((name) => !ejected.has(name));
  const { carriers, footing } = carriersOf(intended, names, standing);
  const shares = carriers.map((name) => intended[name] || 1); // without any share they carry alike
  if (strategy !== 'weighted') return { weights: spread(names, carriers, shares), footing };
  const measured = carriers.map((name, i) => (shares[i] ?? 0) * measuredWeight(live[name] ?? null));
  if (carriers.length === 0 || measured.some((w) => w > 0))
    return { weights: spread(names, carriers, measured), footing };
  return { weights: spread(names, [leastBad(carriers, live)], [1]), footing: 'least-bad' };
}

/** The weights with what spills over: only the share that must go goes, so most conversations stay where they are. */
export function spilled(intended: Weights, { from, to, sharePct }: SpillShare): Weights {
  const moved = ((intended[from] ?? 0) * sharePct) / 100;
  return { ...intended, [from]: (intended[from] ?? 0) - moved, [to]: (intended[to] ?? 0) + moved };
}

function carriersOf(
  intended: Weights,
  names: readonly ClusterName[],
  standing: readonly ClusterName[],
): { carriers: readonly ClusterName[]; footing: Footing } {
  const hasShare = (name: ClusterName): boolean => (intended[name] ?? 0) > 0;
  const weighted = standing.filter(hasShare);
  if (weighted.length > 0) return { carriers: weighted, footing: 'normal' };
  if (standing.length > 0) return { carriers: standing.slice(0, 1), footing: 'standby' };
  if (names.length === 0) return { carriers: [], footing: 'none' };
  const all = names.filter(hasShare);
  return { carriers: all.length > 0 ? all : names.slice(0, 1), footing: 'last-resort' };
}

function leastBad(
  carriers: readonly ClusterName[],
  live: Readonly<Record<ClusterName, LiveMeasure | null>>,
): ClusterName {
  const badness = (name: ClusterName): readonly [number, number] => [
    live[name]?.errorRate ?? 0,
    live[name]?.avgLatencyMs ?? 0,
  ];
  return carriers.reduce((best, name) => {
    const [bestErrors, bestLatency] = badness(best);
    const [errors, latency] = badness(name);
    return errors < bestErrors || (errors === bestErrors && latency < bestLatency) ? name : best;
  });
}

function spread(names: readonly ClusterName[], carriers: readonly ClusterName[], shares: readonly number[]): Weights {
  const total = shares.reduce((sum, share) => sum + share, 0);
  const weights: Record<ClusterName, number> = Object.fromEntries(names.map((name) => [name, 0]));
  carriers.forEach((name, i) => {
    weights[name] = (100 * (shares[i] ?? 0)) / total;
  });
  return weights;
}

/** How far each cluster is owed a turn; kept between calls of `takeTurn`. */
export type Turns = Map<ClusterName, number>;

/**
 * Smooth weighted round robin: whose turn is it? Equal weights go strictly in turn, unequal ones interleave as evenly as
 * can be. Changes `turns`. `null` when no weight is above zero.
 */
export function takeTurn(turns: Turns, weights: Weights): ClusterName | null {
  let best: ClusterName | null = null;
  let bestOwed = -Infinity;
  let total = 0;
  for (const name in weights) {
    const weight = weights[name] ?? 0;
    if (weight <= 0) continue;
    const owed = (turns.get(name) ?? 0) + weight;
    turns.set(name, owed);
    total += weight;
    if (owed > bestOwed) {
      best = name;
      bestOwed = owed;
    }
  }
  if (best !== null) turns.set(best, bestOwed - total);
  return best;
}
