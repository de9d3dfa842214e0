/** What a move that has ended leaves behind: weights, history, a pause, and the unrest that it was. */
import type { MoveRecord } from '../move-record.js';
import { sameWeights } from '../plan/judge-preflight.js';
import type { GuardEvent } from './commands.js';
import { FAILOVER_PENALTY, punish } from './damping.js';
import { HISTORY_MAX, type Freeze, type GuardState, type RunningMove } from './state.js';

/** Whoever aborts a move wants quiet: automation stays away for this long, or until it is unfrozen. */
export const QUIET_AFTER_ABORT_MS = 15 * 60_000;
/** Longest pause between automatic moves that keep failing. */
export const COOLDOWN_MS_MAX = 60 * 60_000;
/** A move that was stopped before it touched anything hurt nobody: what stopped it may be over in a moment. */
export const RETRY_UNTOUCHED_MS = 5_000;
/** After a no to a failback it is not asked again for this long. */
export const FAILBACK_AFTER_NO_MS = 60 * 60_000;
/** The storm brake looks back over this time. */
export const STORM_WINDOW_MS = 10 * 60_000;
/** More automatic moves of one service in that time are as many for the brake. */
const AUTOMATIC_MAX = 20;

/** @replayed */
export function closeMove(
  state: GuardState,
  event: Extract<GuardEvent, { kind: 'move-ended' }>,
  nowMs: number,
): GuardState {
  const { move } = state;
  if (move?.id !== event.id) return state;
  const { record } = event;
  const saidNo = record.kind === 'failback' && record.state !== 'done' && !move.superseded;
  const history = [record, ...state.history].slice(0, HISTORY_MAX);
  const automatic = record.via === 'auto' && isTouched(record, move);
  return {
    ...state,
    move: null,
    epoch: Math.max(state.epoch, move.input.epoch),
    intended: record.weights,
    history,
    automaticAtMs: recentlyAutomatic(
      automatic ? [move.startedAtMs, ...state.automaticAtMs] : state.automaticAtMs,
      nowMs,
    ),
    penalty:
      automatic && record.kind === 'failover'
        ? punish(state.penalty, FAILOVER_PENALTY, nowMs, state.spec)
        : state.penalty,
    cooldownUntilMs: cooldownAfter(state, record, history, nowMs),
    failbackNotBeforeMs: saidNo ? nowMs + FAILBACK_AFTER_NO_MS : state.failbackNotBeforeMs,
    freeze: quietAfterAbort(record, nowMs) ?? state.freeze,
  };
}

/** A preflight that says no, and a person who does, leave the traffic where it was. */
function isTouched({ state, weights }: MoveRecord, { input }: RunningMove): boolean {
  return (state !== 'failed' && state !== 'aborted') || !sameWeights(weights, input.plan.start);
}

/** @replayed */
export const recentlyAutomatic = (times: readonly number[], nowMs: number): readonly number[] =>
  times.filter((at) => at > nowMs - STORM_WINDOW_MS).slice(0, AUTOMATIC_MAX);

function cooldownAfter(state: GuardState, record: MoveRecord, history: readonly MoveRecord[], nowMs: number): number {
  const { move } = state;
  if (move === null) return state.cooldownUntilMs;
  if (!move.superseded) return nowMs + cooldownMs(state, history, isTouched(record, move));
  // It gave way so that something is done at once; older versions did not tell enough of it to know.
  return move.touched === undefined ? state.cooldownUntilMs : nowMs;
}

/** Doubles with every move in a row that did not end well, so that a hopeless one is not tried every minute. */
function cooldownMs(state: GuardState, history: readonly MoveRecord[], touched: boolean): number {
  const firstDone = history.findIndex((record) => record.state === 'done');
  const failedInARow = firstDone === -1 ? history.length : firstDone;
  const base = touched ? state.spec.move.cooldownMs : Math.min(RETRY_UNTOUCHED_MS, state.spec.move.cooldownMs);
  return Math.min(base * 2 ** Math.max(0, failedInARow - 1), COOLDOWN_MS_MAX);
}

function quietAfterAbort(record: MoveRecord, nowMs: number): Freeze | null {
  if (record.state !== 'aborted' || record.endedBy === null || record.via !== 'auto' || record.kind !== 'failover')
    return null;
  return {
    by: record.endedBy,
    reason: `${record.id} was aborted: ${record.why}`,
    untilMs: nowMs + QUIET_AFTER_ABORT_MS,
  };
}
