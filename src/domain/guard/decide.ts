/** What should happen now, given all that is known? Each way out leaves a reason: why, or why not. @replayed */
import { planMove, isFailing, type PlanAnswer } from '../plan/plan-move.js';
import type { MovePlan } from '../plan/types.js';
import type { Attribution, ClusterName, Diagnosis, Verdict } from '../words.js';
import type { GuardCommand } from './commands.js';
import { judgeFailback } from './failback.js';
import { WHY_NOT_MAX, type GuardState } from './state.js';

export interface Decision {
  readonly state: GuardState;
  readonly commands: readonly GuardCommand[];
}

export function decide(before: GuardState, nowMs: number): Decision {
  const state = before.freeze !== null && before.freeze.untilMs <= nowMs ? { ...before, freeze: null } : before;
  if (state.move !== null) return giveWay(state, nowMs);
  const failing = failingClusters(state);
  if (failing.length > 0) return considerFailover(state, failing, nowMs);
  return considerFailback(state, nowMs);
}

export const verdictsOf = (state: GuardState): Record<ClusterName, Verdict> =>
  Object.fromEntries(Object.entries(state.known).map(([name, known]) => [name, known.diagnosis.verdict]));

/** Clusters that carry traffic and should not, the worst first. */
function failingClusters(state: GuardState): ClusterName[] {
  const carrying = state.spec.members.map((m) => m.cluster).filter((name) => (state.intended[name] ?? 0) > 0);
  const failing = carrying.filter((name) => isFailing(state.known[name]?.diagnosis.verdict));
  return failing.sort((a, b) => severity(state, b) - severity(state, a));
}

function severity(state: GuardState, name: ClusterName): number {
  return { dead: 3, stuck: 2, degraded: 1 }[state.known[name]?.diagnosis.verdict as string] ?? 0;
}

/** A move that has changed nothing yet gives way when its reason is gone or something worse happened. */
function giveWay(state: GuardState, nowMs: number): Decision {
  const move = state.move;
  if (move === null || move.superseded || move.state !== 'asking' || move.step !== 'approval')
    return { state, commands: [] };
  const failing = failingClusters(state);
  const why =
    move.input.plan.kind === 'failover'
      ? move.input.attribution.via === 'auto' &&
        failing.length === 0 &&
        'the failing cluster recovered before anybody answered'
      : failing.length > 0 && `${failing.join(', ')} failed meanwhile`;
  if (why === false) return { state, commands: [] };
  return {
    state: noteWhyNot({ ...state, move: { ...move, superseded: true } }, move.id, why, nowMs),
    commands: [{ kind: 'supersede-move', id: move.id, why }],
  };
}

function considerFailover(state: GuardState, failing: readonly ClusterName[], nowMs: number): Decision {
  const trigger = failing.map((name) => `${name} is ${state.known[name]?.diagnosis.verdict}`).join(', ');
  const hold = holdsFailover(state, failing, nowMs);
  if (hold !== null) return stay(state, { trigger, why: hold, alert: true }, nowMs);
  const answer = planMove({
    service: state.spec,
    clusters: state.clusters,
    verdicts: verdictsOf(state),
    intended: state.intended,
    kind: 'failover',
    approval: state.spec.mode === 'approve' ? 'required' : 'none',
  });
  if (!answer.ok) return stay(state, { trigger, why: answer.message, alert: true }, nowMs);
  const worst = failing[0] ?? '';
  const diagnosis = state.known[worst]?.diagnosis;
  const attribution = { by: 'understudy', reason: trigger, via: 'auto' } as const;
  const detectedAtMs = diagnosis?.sinceMs ?? null;
  return startMove(state, { plan: answer.plan, attribution, cause: causeOf(worst, diagnosis), detectedAtMs }, nowMs);
}

/** One sentence, or null when nothing holds the failover back. */
function holdsFailover(state: GuardState, failing: readonly ClusterName[], nowMs: number): string | null {
  if (state.freeze !== null) {
    return `frozen by ${state.freeze.by} until ${new Date(state.freeze.untilMs).toISOString()}: ${state.freeze.reason}`;
  }
  if (state.spec.mode === 'frozen') return 'the mode in the configuration is frozen';
  const down = failing.some((name) => state.known[name]?.diagnosis.verdict !== 'degraded');
  const lastEndedWell = state.history[0] === undefined || state.history[0].state === 'done';
  if (nowMs < state.cooldownUntilMs && !(down && lastEndedWell)) {
    return `cooling down until ${new Date(state.cooldownUntilMs).toISOString()} after ${state.history[0]?.id ?? 'a move'}`;
  }
  return null;
}

function considerFailback(state: GuardState, nowMs: number): Decision {
  const failback = judgeFailback(state, nowMs);
  if (failback?.state !== 'soaking' || failback.dueAtMs === null || failback.dueAtMs > nowMs)
    return { state, commands: [] };
  const trigger = 'the soak is over';
  if (state.freeze !== null) return stay(state, { trigger, why: `frozen by ${state.freeze.by}`, alert: false }, nowMs);
  if (state.spec.mode === 'frozen')
    return stay(state, { trigger, why: 'the mode in the configuration is frozen', alert: false }, nowMs);
  if (nowMs < state.cooldownUntilMs) return { state, commands: [] };
  const asks = state.spec.failback.policy === 'approve' || state.spec.mode === 'approve';
  const answer: PlanAnswer = planMove({
    service: state.spec,
    clusters: state.clusters,
    verdicts: verdictsOf(state),
    intended: state.intended,
    kind: 'failback',
    approval: asks ? 'required' : 'none',
  });
  if (!answer.ok) return stay(state, { trigger, why: answer.message, alert: false }, nowMs);
  const attribution = { by: 'understudy', reason: `home again: ${failback.why}`, via: 'auto' } as const;
  return startMove(state, { plan: answer.plan, attribution, cause: failback.why, detectedAtMs: null }, nowMs);
}

export interface Start {
  readonly plan: MovePlan;
  readonly attribution: Attribution;
  /** One line, with evidence. */
  readonly cause: string;
  /** Since when the verdict stands that led to it; `null` for what a person planned. */
  readonly detectedAtMs: number | null;
}

/** The one place where a move begins: the epoch grows, and the guard is locked until the move has ended. */
export function startMove(state: GuardState, start: Start, nowMs: number): Decision {
  const epoch = state.epoch + 1;
  const id = `move/${state.spec.name}/${epoch}`;
  const input = {
    ...start,
    epoch,
    targetProvenAtMs: state.known[start.plan.to]?.lastGenerationOkAtMs ?? null,
    clusters: state.clusters,
    service: state.spec,
    down: state.spec.members.map((m) => m.cluster).filter((name) => isDownNow(state, name)),
  };
  const move = { id, input, startedAtMs: nowMs, step: 'announce', state: 'running', question: null, superseded: false };
  return { state: { ...state, epoch, move }, commands: [{ kind: 'start-move', id, input }] };
}

function isDownNow(state: GuardState, name: ClusterName): boolean {
  const verdict = state.known[name]?.diagnosis.verdict;
  return verdict === 'dead' || verdict === 'stuck';
}

/** e.g. `eu-a is dead: http connection refused, 3 in a row (3 failures in a row, seen by local)` */
export function causeOf(name: ClusterName, diagnosis: Diagnosis | undefined): string {
  if (diagnosis === undefined) return `${name} is unknown`;
  const facts = diagnosis.evidence.map((e) => `${e.dimension} ${e.seen} (limit: ${e.threshold}; seen by ${e.by})`);
  return `${name} is ${diagnosis.verdict}${facts.length === 0 ? '' : `: ${facts.join('; ')}`}`;
}

interface Stay {
  readonly trigger: string;
  readonly why: string;
  /** Whether people should hear of it: a failing cluster that is left alone, not a failback that waits. */
  readonly alert: boolean;
}

/** Nothing is done, and that is recorded and told once for each different reason. */
function stay(state: GuardState, { trigger, why, alert }: Stay, nowMs: number): Decision {
  const last = state.whyNot[0];
  if (last?.trigger === trigger && last.why === why) return { state, commands: [] };
  const commands: GuardCommand[] = alert
    ? [{ kind: 'alert', title: `${state.spec.name}: ${trigger}, nothing is moved`, text: why }]
    : [];
  return { state: noteWhyNot(state, trigger, why, nowMs), commands };
}

function noteWhyNot(state: GuardState, trigger: string, why: string, nowMs: number): GuardState {
  return { ...state, whyNot: [{ atMs: nowMs, trigger, why }, ...state.whyNot].slice(0, WHY_NOT_MAX) };
}
