/**
 * One state of a service out of those of several processes that serve it side by side: the workers of one gateway, or the
 * gateways behind one address. Counts add up, and unknown plus anything is unknown. Pure.
 */
import type { CallerCounters, ClusterCounters, ClusterTraffic, TrafficState } from './traffic.js';
import type { Unknown, Weights } from './words.js';

/** What was last written is what the newest state says: the largest epoch, then the latest change, then the first. */
export function mergeTraffic(first: TrafficState, ...others: readonly TrafficState[]): TrafficState {
  const states = [first, ...others];
  const newest = states.reduce((best, state) => (isNewer(state, best) ? state : best));
  const { service, epoch, intended, changedAtMs } = newest;
  return {
    service,
    epoch,
    intended,
    effective: meanEffective(states),
    changedAtMs,
    ...sumIfTold('waiting', states),
    clusters: Object.fromEntries(
      Object.keys(newest.clusters).map((name) => [
        name,
        mergeCluster(states.flatMap(({ clusters }) => clusters[name] ?? [])),
      ]),
    ),
    ...spillOf(states),
    callers: states.map(({ callers }) => callers).reduce((a, b) => known(a, b, addCallers)),
  };
}

/** Each process gets the same share of the requests, as far as anybody can tell. */
export function meanEffective(states: readonly TrafficState[]): Weights {
  const names = new Set(states.flatMap(({ effective }) => Object.keys(effective)));
  return Object.fromEntries(
    [...names].map((name) => [
      name,
      states.reduce((sum, { effective }) => sum + (effective[name] ?? 0), 0) / states.length,
    ]),
  );
}

/** What stays of a process that has ended: its counts. What ran there broke off, and nobody was told how it ended. */
export function remainsOf(state: TrafficState): TrafficState {
  const { clusters, callers } = state;
  const running = Object.values(clusters).map(({ inFlight }) => inFlight);
  const broken = running.reduce<number>((sum, n) => sum + (n === 'unknown' ? 0 : n), state.waiting ?? 0);
  return {
    ...state,
    waiting: 0,
    clusters: Object.fromEntries(Object.entries(clusters).map(([name, c]) => [name, { ...c, inFlight: 0, limit: 0 }])),
    callers: callers === 'unknown' ? callers : { ...callers, lost: callers.lost + broken },
  };
}

function isNewer(a: TrafficState, b: TrafficState): boolean {
  return a.epoch > b.epoch || (a.epoch === b.epoch && a.changedAtMs > b.changedAtMs);
}

function mergeCluster(parts: readonly ClusterTraffic[]): ClusterTraffic {
  const last = { okAtMs: latest(parts.map((p) => p.lastOkAtMs)), failedAtMs: latest(parts.map(lastFailure)) };
  return {
    inFlight: parts.map((p) => p.inFlight).reduce((a, b) => known(a, b, (m, n) => m + n)),
    ...limitOf(parts),
    counters: parts.map((p) => p.counters).reduce((a, b) => known(a, b, addCounters)),
    drained: parts.every((p) => p.drained),
    failingSinceMs: failingSince(parts, last),
    lastOkAtMs: last.okAtMs,
    lastFailedAtMs: last.failedAtMs,
  };
}

/** Who has not heard of a lease yet, or cannot have one, does not undo it. */
function spillOf(states: readonly TrafficState[]): Pick<TrafficState, 'spill'> {
  const told = states.flatMap(({ spill }) => (spill === undefined ? [] : [spill]));
  return told.length === 0 ? {} : { spill: told.find((spill) => spill !== null) ?? null };
}

/** One without a limit lets everything through; one that does not say leaves the whole unsaid. */
function limitOf(parts: readonly ClusterTraffic[]): Pick<ClusterTraffic, 'limit'> {
  if (parts.some(({ limit }) => limit === null)) return { limit: null };
  return sumIfTold('limit', parts as readonly { readonly limit?: number }[]);
}

/** What one layer does not tell, the sum does not tell. */
function sumIfTold<Key extends string>(
  key: Key,
  parts: readonly { readonly [K in Key]?: number }[],
): { readonly [K in Key]?: number } {
  const counts = parts.map((part) => part[key]);
  if (counts.some((count) => count === undefined)) return {};
  const sum = counts.reduce<number>((total, count) => total + (count ?? 0), 0);
  return { [key]: sum } as { readonly [K in Key]?: number };
}

/**
 * The row of failures that no success of any process has broken. A process whose row began before somebody else's success
 * has failed again since, at a time it does not tell: not before that success.
 */
function failingSince(
  parts: readonly ClusterTraffic[],
  last: { readonly okAtMs: number | null; readonly failedAtMs: number | null },
): number | null {
  const okAtMs = last.okAtMs ?? -Infinity;
  const begins = parts.flatMap((part) =>
    part.failingSinceMs !== null && (lastFailure(part) ?? -Infinity) > okAtMs
      ? [Math.max(part.failingSinceMs, okAtMs)]
      : [],
  );
  return begins.length === 0 ? null : Math.min(...begins);
}

/** A layer that does not tell its last failure has had one when its row began, at least. */
const lastFailure = (part: ClusterTraffic): number | null => part.lastFailedAtMs ?? part.failingSinceMs;

function latest(times: readonly (number | null)[]): number | null {
  const known = times.filter((at) => at !== null);
  return known.length === 0 ? null : Math.max(...known);
}

function known<T>(a: T | Unknown, b: T | Unknown, add: (a: T, b: T) => T): T | Unknown {
  return a === 'unknown' || b === 'unknown' ? 'unknown' : add(a, b);
}

function addCounters(a: ClusterCounters, b: ClusterCounters): ClusterCounters {
  return {
    process: joined(a, b),
    requests: a.requests + b.requests,
    ok: a.ok + b.ok,
    client: a.client + b.client,
    quota: a.quota + b.quota,
    cluster: a.cluster + b.cluster,
    cut: a.cut + b.cut,
    ...sumIfTold('spilled', [a, b]),
    ...sumIfTold('ejections', [a, b]),
    ...sumIfTold('firstTokenMsSum', [a, b]),
    firstToken: a.firstToken.map((count, bucket) => count + (b.firstToken[bucket] ?? 0)),
  };
}

function addCallers(a: CallerCounters, b: CallerCounters): CallerCounters {
  return {
    process: joined(a, b),
    total: a.total + b.total,
    ok: a.ok + b.ok,
    lost: a.lost + b.lost,
    cut: a.cut + b.cut,
    continued: a.continued + b.continued,
    retried: a.retried + b.retried,
    client: a.client + b.client,
    quota: a.quota + b.quota,
    ...sumIfTold('queued', [a, b]),
    ...sumIfTold('shed', [a, b]),
  };
}

interface Counted {
  readonly process: string;
}

/** Sums count under all of their processes: when one of these begins anew, so does the sum. */
function joined(a: Counted, b: Counted): string {
  return [...new Set([...a.process.split('+'), ...b.process.split('+')])].sort().join('+');
}
