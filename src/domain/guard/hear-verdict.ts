/** What a new verdict changes in the memory of a member: since when it is ill, and whether it healed by itself. */
import { isFailing } from '../plan/plan-move.js';
import type { Diagnosis } from '../words.js';
import type { GuardEvent } from './commands.js';
import { HEALED_PENALTY, punish } from './damping.js';
import type { GuardState, KnownCluster } from './state.js';

type VerdictEvent = Extract<GuardEvent, { kind: 'verdict' }>;

/** @replayed */
export function hearVerdict(state: GuardState, event: VerdictEvent, nowMs: number): GuardState {
  const { cluster, diagnosis, lastGenerationOkAtMs } = event;
  const before = state.known[cluster];
  const healed = before?.failed === true && isWell(diagnosis);
  const healedAtMs = healed ? nowMs : (before?.healedAtMs ?? null);
  const known: KnownCluster = { diagnosis, lastGenerationOkAtMs, ...illnessOf(before, diagnosis), healedAtMs };
  return {
    ...state,
    known: { ...state.known, [cluster]: known },
    penalty:
      healed && state.maintenance[cluster] === undefined
        ? punish(state.penalty, HEALED_PENALTY, nowMs, state.spec)
        : state.penalty,
  };
}

/** It began when it went bad and lasts until it is well: loading, or not being looked at, is no recovery. */
function illnessOf(
  before: KnownCluster | undefined,
  diagnosis: Diagnosis,
): Pick<KnownCluster, 'illSinceMs' | 'failed'> {
  if (isWell(diagnosis)) return { illSinceMs: null, failed: false };
  const failing = isFailing(diagnosis.verdict);
  const bad = failing || diagnosis.verdict === 'unreachable';
  return {
    illSinceMs: before?.illSinceMs ?? (bad ? diagnosis.sinceMs : null),
    failed: failing || before?.failed === true,
  };
}

const isWell = ({ verdict }: Diagnosis): boolean => verdict === 'healthy' || verdict === 'overloaded';
