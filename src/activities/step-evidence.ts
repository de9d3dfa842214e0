/** What happened on the gaining clusters since a step began: the layer's counts and our own completions together. */
import { countedBy } from '../domain/counted-by.js';
import type { ClusterSpec } from '../domain/fleet.js';
import type { StepEvidence } from '../domain/plan/judge-step.js';
import type { PlanStep } from '../domain/plan/types.js';
import { FIRST_TOKEN_BUCKETS_MS, type ClusterCounters, type TrafficState } from '../domain/traffic.js';
import type { PaddingCounts } from './padding.js';

interface Looks {
  readonly baseline: TrafficState;
  readonly now: TrafficState;
  readonly targets: readonly ClusterSpec[];
  readonly step: PlanStep;
  readonly padding: PaddingCounts;
  readonly elapsedMs: number;
}

export function evidenceOf({ baseline, now, targets, step, padding, elapsedMs }: Looks): StepEvidence {
  const sum = { ok: padding.ok, errors: padding.failed, cut: 0, slow: padding.slow };
  for (const { name } of targets) {
    const delta = countersSince(
      baseline.clusters[name]?.counters,
      now.clusters[name]?.counters,
      step.gate.slowFirstTokenMs,
    );
    sum.ok += delta.ok;
    sum.errors += delta.errors;
    sum.cut += delta.cut;
    sum.slow += delta.slow;
  }
  return {
    ...sum,
    elapsedMs,
    effective: targets.every(({ name }) => (now.effective[name] ?? 0) >= (step.weights[name] ?? 0) - 0.5),
    synthetic: padding.ok + padding.failed,
    lastError: padding.lastError,
  };
}

const NOTHING = { ok: 0, errors: 0, cut: 0, slow: 0 };

type Count = ClusterCounters | 'unknown' | undefined;

/** Counts of a process that began anew start at zero; those that cannot be known add nothing, they are not zero errors. */
function countersSince(before: Count, after: Count, slowMs: number | null): typeof NOTHING {
  if (after === undefined || after === 'unknown') return NOTHING;
  const end = totalsOf(after, slowMs);
  const counted = before === undefined || before === 'unknown' ? 'anew' : countedBy(before.process, after.process);
  if (counted === 'mixed') return NOTHING;
  if (before === undefined || before === 'unknown' || counted === 'anew') return end;
  const begin = totalsOf(before, slowMs);
  return {
    ok: end.ok - begin.ok,
    errors: end.errors - begin.errors,
    cut: end.cut - begin.cut,
    slow: end.slow - begin.slow,
  };
}

function totalsOf(counters: ClusterCounters, slowMs: number | null): typeof NOTHING {
  const slow = slowMs === null ? 0 : slowOf(counters, slowMs);
  return { ok: counters.ok, errors: counters.cluster, cut: counters.cut, slow };
}

/** Requests in buckets that lie wholly above the limit; a bucket that straddles it counts as in time. */
function slowOf(counters: ClusterCounters, slowMs: number): number {
  return counters.firstToken.reduce((sum, count, i) => {
    const lowerBoundMs = i === 0 ? 0 : (FIRST_TOKEN_BUCKETS_MS[i - 1] ?? Infinity);
    return lowerBoundMs >= slowMs ? sum + count : sum;
  }, 0);
}
