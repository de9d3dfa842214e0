/** The record of a move whose workflow could not write one: it was terminated by hand, or could not start. */
import type { GuardState } from '../domain/guard/state.js';
import { NO_REPORT, type MoveRecord } from '../domain/move-record.js';
import type { MoveInput } from '../domain/plan/types.js';
import { iso, nowMs } from './clock.js';

/** `why`: what Temporal said. */
export function brokenMove(id: string, { plan, attribution }: MoveInput, state: GuardState, why: string): MoveRecord {
  return {
    id,
    kind: plan.kind,
    from: plan.from,
    to: plan.to,
    reason: attribution.reason,
    by: attribution.by,
    via: attribution.via,
    endedBy: null,
    state: 'failed',
    why: `the move's workflow ended without an answer: ${why}`,
    startedAt: iso(state.move?.startedAtMs ?? nowMs()),
    endedAt: iso(nowMs()),
    steps: [],
    report: NO_REPORT,
    weights: state.intended,
  };
}
