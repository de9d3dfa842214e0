/** A move that takes no time: its preflight is the real one, all later steps go well. */
import type { MoveRecord } from '../move-record.js';
import type { RunningMove } from '../guard/state.js';
import { judgePreflight, PROOF_AGE_MS_MAX, type PreflightFacts } from '../plan/judge-preflight.js';
import { goalOf, nextTarget } from '../plan/redirect.js';
import type { MoveInput, MovePlan } from '../plan/types.js';
import type { ClusterName } from '../words.js';
import type { WatchedCluster } from './vantages.js';

export type MoveEnd =
  | { readonly state: 'done'; readonly plan: MovePlan; readonly why: string }
  | { readonly state: 'failed' | 'aborted'; readonly why: string };

/** Looks for a fit target, as a move does before its first change. @replayed */
export function preflightAtOnce(input: MoveInput, clusters: readonly WatchedCluster[], nowMs: number): MoveEnd {
  const members = input.service.members.map((m) => m.cluster);
  const sight = { witness: input.witness, members, illBefore: input.illBefore };
  const doubted = new Set<ClusterName>();
  const refused: string[] = [];
  let plan: MovePlan | null = input.plan;
  while (plan !== null) {
    const fresh: MovePlan = { ...plan, alternatives: plan.alternatives.filter((name) => !doubted.has(name)) };
    const verdict = judgePreflight(factsOf(input, plan, clusters, nowMs), fresh, sight);
    const why = `${plan.to} is fit`;
    // A concern stops only what is no emergency, as nobody is there to be asked.
    if (verdict.blockers.length === 0 && (plan.profile === 'emergency' || verdict.concerns.length === 0))
      return { state: 'done', plan, why };
    refused.push(...verdict.blockers, ...(verdict.blockers.length === 0 ? verdict.concerns : []));
    if (verdict.onlyDoubted) doubted.add(plan.to);
    plan = plan.kind === 'failover' ? nextTarget(plan, { keep: verdict.onlyDoubted, down: input.down }) : null;
  }
  return { state: 'failed', why: `nothing was touched: ${refused.join('; ')}` };
}

function factsOf(input: MoveInput, plan: MovePlan, clusters: readonly WatchedCluster[], nowMs: number): PreflightFacts {
  const target = clusters.find((c) => c.spec.name === plan.to);
  const doubts = Object.fromEntries(
    clusters.flatMap(({ spec, doubt }) => (doubt === null ? [] : [[spec.name, doubt] as const])),
  );
  const { epoch, service } = input;
  const layer = { service: service.name, epoch, intended: plan.start, effective: plan.start } as const;
  return {
    completion: target === undefined ? { ok: false, why: 'unknown' } : prove(target, plan, nowMs),
    identity: target?.identity ?? 'unknown',
    expectedModel: target?.spec.model ?? '',
    layer: { ...layer, changedAtMs: nowMs, clusters: {}, callers: 'unknown' },
    // A trace does not say how many requests would follow the traffic.
    demand: 'unknown',
    capacity: target?.spec.capacity.concurrency ?? 0,
    doubts,
  };
}

function prove(target: WatchedCluster, { profile }: MovePlan, nowMs: number): PreflightFacts['completion'] {
  const ageMs = nowMs - (target.lastGenerationOkAtMs ?? -Infinity);
  if (profile === 'emergency' && target.doubt === null && ageMs <= PROOF_AGE_MS_MAX)
    return { ok: true, why: `a completion succeeded ${ageMs} ms ago` };
  const seen = target.completeNow();
  if (seen === null && target.spec.probes.generation === null)
    return { ok: true, why: 'this cluster has no completions to ask for' };
  if (seen === null) return { ok: false, why: 'the trace has no completion' };
  const ok = seen.ok && seen.content !== false;
  return { ok, why: seen.error ?? (ok ? 'a completion succeeded' : 'a wrong answer') };
}

/** @replayed */
export function recordOf({ id, input, startedAtMs }: RunningMove, end: MoveEnd, nowMs: number): MoveRecord {
  const { plan, attribution } = input;
  const done = end.state === 'done' ? end.plan : null;
  const shiftedAt = done === null ? null : new Date(nowMs).toISOString();
  return {
    id,
    kind: plan.kind,
    from: plan.from,
    to: (done ?? plan).to,
    ...attribution,
    endedBy: null,
    state: end.state,
    why: end.why,
    startedAt: new Date(startedAtMs).toISOString(),
    endedAt: new Date(nowMs).toISOString(),
    steps: [],
    report: { faultAt: null, detectedAt: null, firstShiftAt: shiftedAt, shiftedAt, recoveredAt: null, requests: null },
    weights: done === null ? plan.start : goalOf(done),
  };
}
