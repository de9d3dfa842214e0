/** What several vantages make of one cluster: the majority of those that see anything. */
import type { Diagnosis, Evidence, Verdict } from '../words.js';
import type { VantageReport } from './types.js';

/** Verdicts that move traffic, worst first. */
export const FAILING_VERDICTS = ['dead', 'stuck', 'degraded'] as const satisfies readonly Verdict[];
/** In a tie among vantages that see no failure, the one that promises less. */
const CAUTION: readonly Verdict[] = ['starting', 'overloaded', 'unreachable', 'healthy', 'unknown'];

/** @replayed */
export const isFailing = (verdict: Verdict): boolean => (FAILING_VERDICTS as readonly Verdict[]).includes(verdict);

/**
 * More than half of the votes must see a failure before there is one. A vantage that knows nothing has no vote. When just
 * half of them do, the vantages are parted from each other: `unreachable`, which alerts and moves nothing. A vantage that
 * nobody watches from any more is named.
 * `before` keeps `sinceMs` of a verdict that stays. @replayed
 */
export function combineVantages(reports: readonly VantageReport[], before: Diagnosis, atMs: number): Diagnosis {
  const votes = reports.filter((r) => r.diagnosis.verdict !== 'unknown');
  const verdict = countVotes(votes.map((v) => v.diagnosis.verdict));
  const evidence = gatherEvidence(votes, verdict);
  const sinceMs = verdict === before.verdict ? before.sinceMs : atMs;
  const lost = reports.flatMap((r) => (r.lost === true ? [r.vantage] : [])).sort();
  return { verdict, sinceMs, evidence, ...(lost.length === 0 ? {} : { unwatchedFrom: lost }) };
}

function countVotes(votes: readonly Verdict[]): Verdict {
  if (votes.length === 0) return 'unknown';
  const bad = votes.filter(isFailing);
  if (bad.length * 2 > votes.length) return mostCommon(bad, FAILING_VERDICTS);
  if (bad.length * 2 === votes.length) return 'unreachable';
  return mostCommon(
    votes.filter((v) => !isFailing(v)),
    CAUTION,
  );
}

/** The most common one; in a tie the first of `order`. */
function mostCommon(votes: readonly Verdict[], order: readonly Verdict[]): Verdict {
  const count = (verdict: Verdict): number => votes.filter((v) => v === verdict).length;
  return [...order].sort((a, b) => count(b) - count(a) || order.indexOf(a) - order.indexOf(b))[0] ?? 'unknown';
}

/** Evidence of the vantages that agree; of those that failed alone when they are parted. */
function gatherEvidence(votes: readonly VantageReport[], verdict: Verdict): readonly Evidence[] {
  const same = votes.filter((v) => v.diagnosis.verdict === verdict);
  const told = same.length > 0 ? same : votes.filter((v) => isFailing(v.diagnosis.verdict));
  if (verdict === 'healthy') return [];
  return mergeByDimension(told.flatMap((v) => v.diagnosis.evidence));
}

/** One line a dimension: the earliest, signed by all who saw it. */
function mergeByDimension(evidence: readonly Evidence[]): readonly Evidence[] {
  const dimensions = [...new Set(evidence.map((e) => e.dimension))];
  return dimensions.flatMap((dimension) => {
    const same = evidence.filter((e) => e.dimension === dimension).sort((a, b) => a.sinceMs - b.sinceMs);
    const by = [...new Set(same.map((e) => e.by))].join(', ');
    return same.slice(0, 1).map((e) => ({ ...e, by }));
  });
}
