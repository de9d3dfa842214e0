/** The one place where a move begins: the epoch grows, and the guard is locked until the move has ended. */
import type { MovePlan, Witness } from '../plan/types.js';
import type { Attribution, ClusterName, Diagnosis } from '../words.js';
import { illBefore } from './panic.js';
import type { GuardState } from './state.js';
import type { Decision } from './stay.js';

export interface Start {
  readonly plan: MovePlan;
  readonly attribution: Attribution;
  readonly witness: Witness;
  /** One line, with evidence. */
  readonly cause: string;
  /** Since when the verdict stands that led to it; `null` for what a person planned. */
  readonly detectedAtMs: number | null;
}

/** @replayed */
export function startMove(state: GuardState, start: Start, nowMs: number): Decision {
  const epoch = state.epoch + 1;
  const id = `move/${state.spec.name}/${epoch}`;
  const input = {
    ...start,
    epoch,
    targetProvenAtMs: state.known[start.plan.to]?.lastGenerationOkAtMs ?? null,
    clusters: state.clusters,
    service: state.spec,
    illBefore: illBefore(state, nowMs),
    down: state.spec.members.map((m) => m.cluster).filter((name) => isDownNow(state, name)),
  };
  const move = { id, input, startedAtMs: nowMs, step: 'announce', state: 'running', question: null, superseded: false };
  return { state: { ...state, epoch, move }, commands: [{ kind: 'start-move', id, input }] };
}

function isDownNow(state: GuardState, name: ClusterName): boolean {
  const verdict = state.known[name]?.diagnosis.verdict;
  return verdict === 'dead' || verdict === 'stuck';
}

/** e.g. `eu-a is dead: http connection refused, 3 in a row (3 failures in a row, seen by local)` @replayed */
export function causeOf(name: ClusterName, diagnosis: Diagnosis | undefined): string {
  if (diagnosis === undefined) return `${name} is unknown`;
  const facts = diagnosis.evidence.map((e) => `${e.dimension} ${e.seen} (limit: ${e.threshold}; seen by ${e.by})`);
  return `${name} is ${diagnosis.verdict}${facts.length === 0 ? '' : `: ${facts.join('; ')}`}`;
}
