/** What should happen now, given all that is known? Each way out leaves a reason: why, or why not. @replayed */
import { isFailing, planMove, type PlanAnswer } from '../plan/plan-move.js';
import type { MovePlan } from '../plan/types.js';
import type { ClusterName, MoveKind, Verdict } from '../words.js';
import { DEGRADED_PENALTY_MAX, penaltyAt } from './damping.js';
import { judgeFailback } from './failback.js';
import { whyGiveWay } from './give-way.js';
import { holdsFailback, holdsFailover } from './holds.js';
import { barredClusters, withoutExpired } from './maintenance.js';
import { noticeBystanders } from './bystanders.js';
import { onProbation, witnessOf } from './panic.js';
import { causeOf, startMove } from './start-move.js';
import type { GuardState } from './state.js';
import { noteWhyNot, stay, type Decision } from './stay.js';

export function decide(before: GuardState, nowMs: number): Decision {
  const state = withoutExpired(before, nowMs);
  if (state.move !== null) return giveWay(state, nowMs);
  const failing = failingClusters(state);
  if (failing.length > 0) return considerFailover(state, failing, nowMs);
  const noticed = noticeBystanders(state, nowMs);
  const home = considerFailback(noticed.state, nowMs);
  return { state: home.state, commands: [...noticed.commands, ...home.commands] };
}

export const verdictsOf = (state: GuardState): Record<ClusterName, Verdict> =>
  Object.fromEntries(Object.entries(state.known).map(([name, known]) => [name, known.diagnosis.verdict]));

/** Clusters that carry traffic and should not, the worst first. One in maintenance triggers nothing. */
function failingClusters(state: GuardState): ClusterName[] {
  const carrying = state.spec.members.map((m) => m.cluster).filter((name) => (state.intended[name] ?? 0) > 0);
  const failing = carrying.filter(
    (name) => isFailing(state.known[name]?.diagnosis.verdict) && state.maintenance[name] === undefined,
  );
  return failing.sort((a, b) => severity(state, b) - severity(state, a));
}

function severity(state: GuardState, name: ClusterName): number {
  return { dead: 3, stuck: 2, degraded: 1 }[state.known[name]?.diagnosis.verdict as string] ?? 0;
}

function giveWay(state: GuardState, nowMs: number): Decision {
  const { move } = state;
  const why = whyGiveWay(state, failingClusters(state), nowMs);
  if (move === null || why === null) return { state, commands: [] };
  return {
    state: noteWhyNot({ ...state, move: { ...move, superseded: true } }, move.id, why, nowMs),
    commands: [{ kind: 'supersede-move', id: move.id, why }],
  };
}

function considerFailover(state: GuardState, failing: readonly ClusterName[], nowMs: number): Decision {
  const trigger = failing.map((name) => `${name} is ${state.known[name]?.diagnosis.verdict}`).join(', ');
  const sinceMs = Math.max(...failing.map((name) => state.known[name]?.diagnosis.sinceMs ?? 0));
  const held = holdsFailover(state, failing, nowMs);
  if (held !== null) return stay(state, { trigger, why: held, alert: true, sinceMs }, nowMs);
  const approval = state.spec.mode === 'approve' ? 'required' : 'none';
  const answer = planFrom(state, { kind: 'failover', approval }, nowMs);
  if (!answer.ok) return stay(state, { trigger, why: answer.message, alert: true, sinceMs }, nowMs);
  const worst = failing[0] ?? '';
  const diagnosis = state.known[worst]?.diagnosis;
  const damped = isDamped(state, answer.plan, nowMs);
  const attribution = { by: 'understudy', reason: trigger, via: 'auto' } as const;
  const cause = `${causeOf(worst, diagnosis)}${damped ? '. The service was restless lately, so a person must agree' : ''}`;
  const plan = damped ? { ...answer.plan, approval: 'required' as const } : answer.plan;
  const witness = witnessOf(state, failing);
  return startMove(state, { plan, attribution, witness, cause, detectedAtMs: diagnosis?.sinceMs ?? null }, nowMs);
}

const isDamped = (state: GuardState, plan: MovePlan, nowMs: number): boolean =>
  plan.profile === 'degraded' && penaltyAt(state.penalty, nowMs, state.spec) >= DEGRADED_PENALTY_MAX;

function considerFailback(state: GuardState, nowMs: number): Decision {
  const failback = judgeFailback(state, nowMs);
  if (failback?.state !== 'soaking' || failback.dueAtMs === null || failback.dueAtMs > nowMs)
    return { state, commands: [] };
  const refuse = (why: string): Decision =>
    stay(state, { trigger: 'the soak is over', why, alert: false, sinceMs: failback.dueAtMs ?? 0 }, nowMs);
  const held = holdsFailback(state, nowMs);
  if (held !== null) return refuse(held);
  if (nowMs < state.cooldownUntilMs) return { state, commands: [] };
  const asks = state.spec.failback.policy === 'approve' || state.spec.mode === 'approve';
  const answer = planFrom(state, { kind: 'failback', approval: asks ? 'required' : 'none' }, nowMs);
  if (!answer.ok) return refuse(answer.message);
  const attribution = { by: 'understudy', reason: `home again: ${failback.why}`, via: 'auto' } as const;
  const start = { plan: answer.plan, attribution, cause: failback.why, detectedAtMs: null };
  return startMove(state, { ...start, witness: 'probes' }, nowMs);
}

interface Wish {
  readonly kind: MoveKind;
  readonly approval: MovePlan['approval'];
}

function planFrom(state: GuardState, { kind, approval }: Wish, nowMs: number): PlanAnswer {
  return planMove({
    service: state.spec,
    clusters: state.clusters,
    verdicts: verdictsOf(state),
    barred: barredClusters(state),
    wary: onProbation(state, nowMs),
    intended: state.intended,
    kind,
    approval,
  });
}
