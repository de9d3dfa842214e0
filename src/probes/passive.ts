/** `passive`: what real traffic did since the last look, from the counters that the data plane keeps for ever. */
import { FIRST_TOKEN_BUCKETS_MS, type ClusterCounters, type TrafficState } from '../domain/traffic.js';
import { countedBy } from '../domain/counted-by.js';
import type { ClusterName, ServiceName } from '../domain/words.js';
import type { PassiveSeen } from '../domain/health/types.js';

/** Stands for "slower than the last bucket's bound". */
const SLOWEST_MS = 60_000;

export interface PassiveMeter {
  /**
   * The difference to the call before, over all services that answered; `null` when none did, or on the first look.
   * Requests count when they end. Another counting process begins a new count.
   */
  difference(states: ReadonlyMap<ServiceName, TrafficState | null>): PassiveSeen | null;
}

export function createPassiveMeter(cluster: ClusterName): PassiveMeter {
  const last = new Map<ServiceName, ClusterCounters>();
  return {
    difference(states) {
      const parts: PassiveCounts[] = [];
      for (const [service, state] of states) {
        const counters = state?.clusters[cluster]?.counters;
        if (counters === undefined || counters === 'unknown') continue;
        const before = last.get(service);
        last.set(service, counters);
        if (before === undefined) continue;
        const counted = countedBy(before.process, counters.process);
        if (counted !== 'mixed') parts.push(subtract(counters, counted === 'same' ? before : null));
      }
      return parts.length === 0 ? null : seenOf(parts.reduce(add));
    },
  };
}

type PassiveCounts = Omit<ClusterCounters, 'process' | 'requests'>;

function subtract(now: ClusterCounters, from: ClusterCounters | null): PassiveCounts {
  const since = (pick: (c: ClusterCounters) => number): number =>
    Math.max(0, pick(now) - (from === null ? 0 : pick(from)));
  return {
    ok: since((c) => c.ok),
    client: since((c) => c.client),
    quota: since((c) => c.quota),
    cluster: since((c) => c.cluster),
    cut: since((c) => c.cut),
    firstToken: now.firstToken.map((count, index) => Math.max(0, count - (from?.firstToken[index] ?? 0))),
  };
}

function add(a: PassiveCounts, b: PassiveCounts): PassiveCounts {
  return {
    ok: a.ok + b.ok,
    client: a.client + b.client,
    quota: a.quota + b.quota,
    cluster: a.cluster + b.cluster,
    cut: a.cut + b.cut,
    firstToken: a.firstToken.map((count, index) => count + (b.firstToken[index] ?? 0)),
  };
}

function seenOf({ ok, client, quota, cluster, cut, firstToken }: PassiveCounts): PassiveSeen {
  return {
    requests: ok + client + quota + cluster + cut,
    client,
    quota,
    cluster,
    cut,
    ttft95: percentile95(firstToken),
  };
}

/** Upper bound of the bucket that holds the 95th percentile, ms; `null` without any first token. */
function percentile95(buckets: readonly number[]): number | null {
  const total = buckets.reduce((a, b) => a + b, 0);
  if (total === 0) return null;
  let below = 0;
  for (const [index, count] of buckets.entries()) {
    below += count;
    if (below >= 0.95 * total) return FIRST_TOKEN_BUCKETS_MS[index] ?? SLOWEST_MS;
  }
  return SLOWEST_MS;
}
