/** From where the traffic is to where it should be, step by step. Everything is decided here; the runbook only acts. */
import type { ErrorCode } from '../errors.js';
import type { ClusterSpec, ServiceSpec } from '../fleet.js';
import { homeWeights } from '../fleet.js';
import type { ClusterName, MoveKind, Verdict, Weights } from '../words.js';
import { sameWeights } from './judge-preflight.js';
import type { MovePlan, PlanStep, Profile, StepGate } from './types.js';

/** An emergency step never waits longer: nothing is worse than dead. */
export const EMERGENCY_STEP_MS_MAX = 3_000;

export interface PlanQuestion {
  readonly service: ServiceSpec;
  readonly clusters: Readonly<Record<ClusterName, ClusterSpec>>;
  readonly verdicts: Readonly<Record<ClusterName, Verdict>>;
  /** Clusters that may take no traffic, each with the reason, whatever their verdict is. */
  readonly barred?: Readonly<Record<ClusterName, string>>;
  /** Clusters that are fit but have not proved themselves yet: targets after all others. */
  readonly wary?: readonly ClusterName[];
  /** Where the traffic is now. */
  readonly intended: Weights;
  readonly kind: MoveKind;
  /** Wished target; absent: the best one is chosen. */
  readonly to?: ClusterName;
  /** The cluster to leave; absent: those that carry traffic (switchover) or are failing (failover). */
  readonly from?: ClusterName;
  readonly approval: MovePlan['approval'];
}

export type PlanAnswer =
  | { readonly ok: true; readonly plan: MovePlan }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string };

const isDown = (verdict: Verdict | undefined): boolean => verdict === 'dead' || verdict === 'stuck';
/** What an automatic failover acts on. */
export const isFailing = (verdict: Verdict | undefined): boolean => isDown(verdict) || verdict === 'degraded';

/** @replayed */
export function planMove(question: PlanQuestion): PlanAnswer {
  const named = unknownCluster(question);
  if (named !== null)
    return refuse(
      'unknown-cluster',
      `${named} is no cluster of ${question.service.name}; it has ${memberNames(question.service).join(', ')}`,
    );
  const from = sources(question);
  if (from.length === 0) {
    return refuse('already-there', `no cluster of ${question.service.name} carries traffic that would have to move`);
  }
  const targets = question.kind === 'failback' ? homeTargets(question) : rankedTargets(question, from);
  const to = targets[0];
  if (to === undefined) return refuse('no-target', noTargetSentence(question, from));
  const taking = question.kind === 'failback' ? targets : [to];
  const unfit = taking.find((name) => !isFit(question, name));
  if (unfit !== undefined) {
    return refuse(
      'preflight-blocked',
      `${unfit} is ${conditionOf(question, unfit)}, only a healthy cluster may take traffic`,
    );
  }
  const goal = goalWeights(question, from, to);
  if (sameWeights(goal, question.intended))
    return refuse('already-there', `${question.service.name} is already at ${to}`);
  return {
    ok: true,
    plan: buildPlan(question, { from, to, goal, alternatives: question.kind === 'failback' ? [] : targets.slice(1) }),
  };
}

function refuse(code: ErrorCode, message: string): PlanAnswer {
  return { ok: false, code, message };
}

type Conditions = Pick<PlanQuestion, 'verdicts' | 'barred'>;

const isFit = ({ verdicts, barred }: Conditions, name: ClusterName): boolean =>
  verdicts[name] === 'healthy' && barred?.[name] === undefined;

const conditionOf = ({ verdicts, barred }: Conditions, name: ClusterName): string =>
  barred?.[name] ?? verdicts[name] ?? 'unknown';

const memberNames = (service: ServiceSpec): ClusterName[] => service.members.map((m) => m.cluster);

function unknownCluster({ service, to, from }: PlanQuestion): ClusterName | null {
  const names = memberNames(service);
  if (to !== undefined && !names.includes(to)) return to;
  if (from !== undefined && !names.includes(from)) return from;
  return null;
}

/** The clusters that shall lose traffic. */
function sources({ service, intended, verdicts, kind, to, from }: PlanQuestion): ClusterName[] {
  const carrying = memberNames(service).filter((name) => (intended[name] ?? 0) > 0);
  if (kind === 'failback') {
    const home = homeWeights(service);
    return Object.keys(intended).filter((name) => (intended[name] ?? 0) > (home[name] ?? 0) + 0.005);
  }
  if (from !== undefined) return carrying.filter((name) => name === from);
  if (kind === 'switchover') return carrying.filter((name) => name !== to);
  const failing = carrying.filter((name) => isFailing(verdicts[name]));
  return failing.length > 0 ? failing : carrying.filter((name) => name !== to).slice(0, 1);
}

/** Healthy members that are not left, in order of priority, those that just healed last; a wished target comes first, whatever it is. */
function rankedTargets(question: PlanQuestion, from: readonly ClusterName[]): ClusterName[] {
  const { service, to } = question;
  const well = memberNames(service).filter((name) => !from.includes(name) && isFit(question, name));
  const isWary = (name: ClusterName): boolean => question.wary?.includes(name) === true;
  const ranked = [...well.filter((name) => !isWary(name)), ...well.filter(isWary)];
  return to === undefined ? ranked : [to, ...ranked.filter((name) => name !== to)];
}

function homeTargets({ service, intended }: PlanQuestion): ClusterName[] {
  const home = homeWeights(service);
  return memberNames(service).filter((name) => (home[name] ?? 0) > (intended[name] ?? 0) + 0.005);
}

function noTargetSentence(question: PlanQuestion, from: readonly ClusterName[]): string {
  const { service } = question;
  const others = memberNames(service).filter((name) => !from.includes(name));
  if (others.length === 0) return `${service.name} has no other cluster than ${from.join(', ')}`;
  return `no healthy cluster to take over: ${others.map((name) => `${name} is ${conditionOf(question, name)}`).join(', ')}`;
}

/**
 * With one active cluster everything goes to the target. With several, the share of those that are left goes to the
 * healthy ones that already carry traffic, by their room; a named target takes it alone.
 */
function goalWeights(question: PlanQuestion, from: readonly ClusterName[], to: ClusterName): Weights {
  const { service, intended, clusters } = question;
  if (question.kind === 'failback') return homeWeights(service);
  const names = memberNames(service);
  const share = from.reduce((sum, name) => sum + (intended[name] ?? 0), 0);
  const staying = names.filter((name) => !from.includes(name) && (intended[name] ?? 0) > 0 && isFit(question, name));
  const takers = question.to === undefined && staying.length > 0 ? staying : [to];
  const room = takers.reduce((sum, name) => sum + (clusters[name]?.capacity.concurrency ?? 1), 0);
  const part = (name: ClusterName): number =>
    takers.includes(name) ? (share * (clusters[name]?.capacity.concurrency ?? 1)) / room : 0;
  return Object.fromEntries(names.map((name) => [name, from.includes(name) ? 0 : (intended[name] ?? 0) + part(name)]));
}

interface Route {
  readonly from: readonly ClusterName[];
  readonly to: ClusterName;
  readonly goal: Weights;
  readonly alternatives: readonly ClusterName[];
}

function buildPlan(question: PlanQuestion, route: Route): MovePlan {
  const { service, verdicts, intended, kind } = question;
  const down = route.from.some((name) => isDown(verdicts[name]));
  const profile: Profile = down ? 'emergency' : kind === 'failover' ? 'degraded' : 'planned';
  const carryingDown = Object.keys(intended).some((name) => (intended[name] ?? 0) > 0 && isDown(verdicts[name]));
  return {
    service: service.name,
    kind,
    profile,
    from: route.from,
    to: route.to,
    start: intended,
    steps: rampSteps(service, profile, intended, route.goal),
    canGoBack: !carryingDown,
    alternatives: route.alternatives,
    warm: profile !== 'emergency',
    rehome: down,
    approval: question.approval,
    approvalTimeoutMs: service.move.approvalTimeoutMs,
    // A dead cluster's requests end by themselves; waiting longer than this for them helps nobody.
    drainTimeoutMs: down ? Math.min(service.move.drainTimeoutMs, 10_000) : service.move.drainTimeoutMs,
    keepDrained: route.from.filter((name) => question.barred?.[name] !== undefined),
    ...(profile !== 'emergency' && service.move.afterAbsence === 'ask'
      ? { afterAbsence: { asksFromMs: service.move.stepDeadlineMs } }
      : {}),
  };
}

function rampSteps(service: ServiceSpec, profile: Profile, start: Weights, goal: Weights): PlanStep[] {
  const gate = stepGate(service, profile);
  return service.move[profile].map((pct) => ({ name: `${pct} %`, weights: blend(start, goal, pct / 100), gate }));
}

function stepGate({ move }: ServiceSpec, profile: Profile): StepGate {
  if (profile === 'emergency') {
    return { bakeMs: 0, deadlineMs: EMERGENCY_STEP_MS_MAX, undecided: 'proceed', slowFirstTokenMs: null };
  }
  return {
    bakeMs: move.bakeMs,
    deadlineMs: move.stepDeadlineMs,
    undecided: profile === 'degraded' ? 'proceed' : 'ask',
    slowFirstTokenMs: move.slowFirstTokenMs,
  };
}

/** `share` of the way from one set of weights to another; both sum to 100, and so does every point between. */
export function blend(start: Weights, goal: Weights, share: number): Weights {
  const names = [...new Set([...Object.keys(start), ...Object.keys(goal)])];
  return Object.fromEntries(
    names.map((name) => {
      const a = start[name] ?? 0;
      return [name, share === 1 ? (goal[name] ?? 0) : a + ((goal[name] ?? 0) - a) * share];
    }),
  );
}

/** Weights to ramp back through after step `reached` (-1: none was begun): the earlier steps in reverse, then the start. @replayed */
export function retreatPath(plan: MovePlan, reached: number): Weights[] {
  return [
    ...plan.steps
      .slice(0, Math.max(0, reached))
      .reverse()
      .map((step) => step.weights),
    plan.start,
  ];
}

/** The clusters whose share grows from `start` to `goal`: those that a step is verified on. @replayed */
export function gainingClusters(start: Weights, goal: Weights): ClusterName[] {
  return Object.keys(goal).filter((name) => (goal[name] ?? 0) > (start[name] ?? 0) + 0.005);
}
