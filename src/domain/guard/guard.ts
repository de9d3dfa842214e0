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
import { closeMove } from './close-move.js';
import { decide } from './decide.js';
import { judgeFailback } from './failback.js';
import { hearVerdict } from './hear-verdict.js';
import { maintenanceSentence } from './maintenance.js';
import { answerOrder } from './orders.js';
import { hearSpill, judgeSpill, spillLooksMs } from './spill.js';
import { changeSentence, REDIRECTIONS_MAX, senderSentence } from './redirection.js';
import type { GuardState, Lease } from './state.js';
import type { Attribution, ClusterName } from '../words.js';

/** What an event did to the state before anything is decided. */
interface Heard {
  readonly state: GuardState;
  readonly commands: readonly GuardCommand[];
  readonly reply: GuardReply | null;
}

export function advance(state: GuardState, event: GuardEvent, nowMs: number): Advance {
  const heard = remember(state, event, nowMs);
  const decided = decide(heard.state, nowMs);
  const spilled = judgeSpill(decided.state, nowMs);
  const failback = judgeFailback(spilled.state, nowMs);
  return {
    state: { ...spilled.state, failback },
    commands: [...heard.commands, ...decided.commands, ...spilled.commands],
    reply: heard.reply,
  };
}

/** When to look again without an event; `null`: only an event can change anything. */
export function nextLookMs(state: GuardState, nowMs: number): number | null {
  const leases = [state.freeze, state.fleet?.brake, state.fleet?.panic, ...Object.values(state.maintenance)];
  const ends = leases.map((lease) => lease?.untilMs);
  const times = [...ends, state.cooldownUntilMs, state.failback?.dueAtMs, ...spillLooksMs(state)].filter(
    (at): at is number => typeof at === 'number' && at > nowMs,
  );
  return times.length === 0 ? null : Math.min(...times);
}

function remember(state: GuardState, event: GuardEvent, nowMs: number): Heard {
  if (isOfPerson(event)) return rememberPerson(state, event, nowMs);
  const only = (next: GuardState): Heard => ({ state: next, commands: [], reply: null });
  switch (event.kind) {
    case 'timer':
      return only(state);
    case 'verdict':
      return rememberVerdict(state, event, nowMs);
    case 'fleet':
      return only({ ...state, fleet: event.view });
    case 'move-progress':
      return only(rememberProgress(state, event));
    case 'move-ended':
      return only(closeMove(state, event, nowMs));
    case 'configured':
      return { ...rememberConfigured(state, event, nowMs), reply: null };
    case 'layer-read':
      return rememberLayer(state, event);
    case 'spill-held':
    case 'spill-refused':
      return { ...hearSpill(state, event, nowMs), reply: null };
  }
}

function rememberConfigured(
  before: GuardState,
  { spec, clusters, redirection }: Extract<GuardEvent, { kind: 'configured' }>,
  nowMs: number,
): Omit<Heard, 'reply'> {
  const state = { ...before, spec, clusters };
  if (redirection === null) return { state, commands: [] };
  const redirections = [{ atMs: nowMs, ...redirection }, ...state.redirections].slice(0, REDIRECTIONS_MAX);
  const { sender, changes } = redirection;
  const text = `Changed ${senderSentence(sender)}: ${changes.map(changeSentence).join('; ')}`;
  const title = `${spec.name}: prompts go elsewhere`;
  return { state: { ...state, redirections }, commands: [{ kind: 'alert', title, text }] };
}

type PersonEvent = Extract<GuardEvent, { attribution: Attribution }>;
const isOfPerson = (event: GuardEvent): event is PersonEvent => 'attribution' in event;

function rememberPerson(state: GuardState, event: PersonEvent, nowMs: number): Heard {
  switch (event.kind) {
    case 'order':
      return answerOrder(state, event, nowMs);
    case 'freeze':
      return rememberFreeze(state, event, nowMs);
    case 'unfreeze':
      return answered({ ...state, freeze: null }, state, 'automation is on');
    case 'maintenance':
      return rememberMaintenance(state, event, nowMs);
  }
}

function rememberFreeze(state: GuardState, event: Extract<GuardEvent, { kind: 'freeze' }>, nowMs: number): Heard {
  const { by, reason } = event.attribution;
  const freeze = { by, reason, untilMs: nowMs + event.forMs };
  return answered({ ...state, freeze }, state, `frozen until ${new Date(freeze.untilMs).toISOString()}`);
}

function rememberMaintenance(
  state: GuardState,
  event: Extract<GuardEvent, { kind: 'maintenance' }>,
  nowMs: number,
): Heard {
  const { cluster, forMs, attribution } = event;
  if (!isMember(state, cluster)) {
    const message = `${cluster} is no cluster of ${state.spec.name}`;
    return { state, commands: [], reply: { accepted: false, code: 'unknown-cluster', message } };
  }
  const others = Object.fromEntries(Object.entries(state.maintenance).filter(([name]) => name !== cluster));
  if (forMs <= 0) return answered({ ...state, maintenance: others }, state, `${cluster} is out of maintenance`);
  const lease: Lease = { by: attribution.by, reason: attribution.reason, untilMs: nowMs + forMs };
  const maintenance = { ...others, [cluster]: lease };
  return answered({ ...state, maintenance }, state, `${cluster} is ${maintenanceSentence(lease)}`);
}

const isMember = (state: GuardState, name: ClusterName): boolean => state.spec.members.some((m) => m.cluster === name);

function rememberProgress(state: GuardState, event: Extract<GuardEvent, { kind: 'move-progress' }>): GuardState {
  if (state.move?.id !== event.id) return state;
  const { step, state: moveState, question, touched } = event;
  const told = touched === undefined ? {} : { touched };
  return { ...state, move: { ...state.move, step, state: moveState, question, ...told } };
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

function rememberVerdict(state: GuardState, event: Extract<GuardEvent, { kind: 'verdict' }>, nowMs: number): Heard {
  const { cluster, diagnosis } = event;
  if (!isMember(state, cluster)) return { state, commands: [], reply: null };
  const commands: GuardCommand[] =
    state.move === null ? [] : [{ kind: 'tell-move', id: state.move.id, cluster, diagnosis }];
  return { state: hearVerdict(state, event, nowMs), commands, reply: null };
}
