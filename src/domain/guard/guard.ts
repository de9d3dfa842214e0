/**
 * The guard of a service: one event in, the next state and what to do about it out. It looks at the whole state after
 * every event (level-triggered), so a lost or doubled event changes nothing.
 *
 *     event -> remember -> decide(state, now) -> commands
 *
 * @replayed
 */
import type { Advance, GuardCommand, GuardEvent, GuardReply } from './commands.js';
import { sameWeights, weightsText } from '../plan/judge-preflight.js';
import { decide } from './decide.js';
import { judgeFailback } from './failback.js';
import { answerOrder } from './orders.js';
import { HISTORY_MAX, type Freeze, type GuardState } from './state.js';
import type { MoveRecord } from '../move-record.js';

/** Whoever aborts a move wants quiet: automation stays away for this long, or until it is unfrozen. */
export const QUIET_AFTER_ABORT_MS = 15 * 60_000;
/** Longest pause between automatic moves that keep failing. */
export const COOLDOWN_MS_MAX = 60 * 60_000;
/** After a no to a failback it is not asked again for this long. */
export const FAILBACK_AFTER_NO_MS = 60 * 60_000;

/** What an event did to the state before anything is decided. */
interface Heard {
  readonly state: GuardState;
  readonly commands: readonly GuardCommand[];
  readonly reply: GuardReply | null;
}

export function advance(state: GuardState, event: GuardEvent, nowMs: number): Advance {
  const heard = remember(state, event, nowMs);
  const decided = decide(heard.state, nowMs);
  const failback = judgeFailback(decided.state, nowMs);
  return {
    state: { ...decided.state, failback },
    commands: [...heard.commands, ...decided.commands],
    reply: heard.reply,
  };
}

/** When to look again without an event; `null`: only an event can change anything. */
export function nextLookMs(state: GuardState, nowMs: number): number | null {
  const times = [state.freeze?.untilMs, state.cooldownUntilMs, state.failback?.dueAtMs].filter(
    (at): at is number => typeof at === 'number' && at > nowMs,
  );
  return times.length === 0 ? null : Math.min(...times);
}

function remember(state: GuardState, event: GuardEvent, nowMs: number): Heard {
  const only = (next: GuardState): Heard => ({ state: next, commands: [], reply: null });
  switch (event.kind) {
    case 'timer':
      return only(state);
    case 'verdict':
      return rememberVerdict(state, event);
    case 'order':
      return answerOrder(state, event, nowMs);
    case 'freeze':
      return rememberFreeze(state, event, nowMs);
    case 'unfreeze':
      return answered({ ...state, freeze: null }, state, 'automation is on');
    case 'move-progress':
      return only(rememberProgress(state, event));
    case 'move-ended':
      return only(closeMove(state, event, nowMs));
    case 'configured':
      return only({ ...state, spec: event.spec, clusters: event.clusters });
    case 'layer-read':
      return rememberLayer(state, event);
  }
}

function rememberFreeze(state: GuardState, event: Extract<GuardEvent, { kind: 'freeze' }>, nowMs: number): Heard {
  const { by, reason } = event.attribution;
  const freeze = { by, reason, untilMs: nowMs + event.forMs };
  return answered({ ...state, freeze }, state, `frozen until ${new Date(freeze.untilMs).toISOString()}`);
}

function rememberProgress(state: GuardState, event: Extract<GuardEvent, { kind: 'move-progress' }>): GuardState {
  if (state.move?.id !== event.id) return state;
  const { step, state: moveState, question } = event;
  return { ...state, move: { ...state.move, step, state: moveState, question } };
}

/**
 * A layer with a greater epoch knows more than we do: its table outlives a Temporal that began anew. One with a smaller
 * epoch lost its table, and one with other weights was changed by hand: both are put right.
 */
function rememberLayer(state: GuardState, event: Extract<GuardEvent, { kind: 'layer-read' }>): Heard {
  const { epoch, intended } = event;
  const agrees = epoch === state.epoch && sameWeights(intended, state.intended);
  if (state.move !== null || agrees) return { state, commands: [], reply: null };
  if (epoch > state.epoch || state.epoch === 0)
    return { state: { ...state, epoch, intended }, commands: [], reply: null };
  const found = `the traffic layer held ${weightsText(intended)} (epoch ${epoch})`;
  const text = `${found}, expected ${weightsText(state.intended)} (epoch ${state.epoch}); it is put right`;
  const commands: GuardCommand[] = [
    { kind: 'repair', epoch: state.epoch, weights: state.intended },
    { kind: 'alert', title: `${state.spec.name}: somebody else changed the weights`, text },
  ];
  return { state, commands, reply: null };
}

function answered(next: GuardState, before: GuardState, message: string): Heard {
  return { state: next, commands: [], reply: { accepted: true, id: `service/${before.spec.name}`, message } };
}

function rememberVerdict(state: GuardState, event: Extract<GuardEvent, { kind: 'verdict' }>): Heard {
  const { cluster, diagnosis, lastGenerationOkAtMs } = event;
  if (!state.spec.members.some((m) => m.cluster === cluster)) return { state, commands: [], reply: null };
  const known = { ...state.known, [cluster]: { diagnosis, lastGenerationOkAtMs } };
  const commands: GuardCommand[] =
    state.move === null ? [] : [{ kind: 'tell-move', id: state.move.id, cluster, diagnosis }];
  return { state: { ...state, known }, commands, reply: null };
}

function closeMove(state: GuardState, event: Extract<GuardEvent, { kind: 'move-ended' }>, nowMs: number): GuardState {
  if (state.move?.id !== event.id) return state;
  const { record } = event;
  const { superseded } = state.move;
  const saidNo = record.kind === 'failback' && record.state !== 'done' && !superseded;
  const history = [record, ...state.history].slice(0, HISTORY_MAX);
  return {
    ...state,
    move: null,
    epoch: Math.max(state.epoch, state.move.input.epoch),
    intended: record.weights,
    history,
    cooldownUntilMs: superseded ? state.cooldownUntilMs : nowMs + cooldownMs(state, history),
    failbackNotBeforeMs: saidNo ? nowMs + FAILBACK_AFTER_NO_MS : state.failbackNotBeforeMs,
    freeze: quietAfterAbort(record, nowMs) ?? state.freeze,
  };
}

/** Doubles with every move in a row that did not end well, so that a hopeless one is not tried every minute. */
function cooldownMs(state: GuardState, history: readonly MoveRecord[]): number {
  const firstDone = history.findIndex((record) => record.state === 'done');
  const failedInARow = firstDone === -1 ? history.length : firstDone;
  return Math.min(state.spec.move.cooldownMs * 2 ** Math.max(0, failedInARow - 1), COOLDOWN_MS_MAX);
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
