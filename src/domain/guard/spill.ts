/**
 * Spill: a bounded share of what an overloaded cluster gets goes to a cluster with room. It is no move: epoch, intended
 * weights and history stay. The layer holds it as a lease, so that a controller that dies takes it back by dying.
 *
 *     overloaded --> 10 % --still overloaded at the next look--> 20 % --> ... --> the configured most
 *     not overloaded for overload.spillStabilization --> 10 % less, and so on --> ended.  A move ends it at once.
 */
import { OVERLOAD_DEFAULTS, SPILL_INTERVAL_MS, SPILL_STABILIZATION_MS } from '../fleet.js';
import type { ClusterName } from '../words.js';
import type { GuardCommand, GuardEvent, SpillOrder } from './commands.js';
import { holdsSpill } from './holds.js';
import { maintenanceSentence } from './maintenance.js';
import { onProbation } from './panic.js';
import { causeOf } from './start-move.js';
import type { GuardState, Spill } from './state.js';
import { stay, type Decision } from './stay.js';

/** One step of the share, percent. */
export const SPILL_STEP_PCT = 10;
/** The layer takes it back by itself after this: several looks that failed. */
export const SPILL_LEASE_MS = 60_000;
/** A cluster that could not take it is not asked again for this long. */
export const SPILL_REFUSED_MS = 60_000;
/** Longest wait for the layer's first answer: the looks at the target and the write have their own, shorter limits. */
const ANSWER_MS_MAX = 120_000;
/** People hear of one overloaded cluster that cannot be helped this often at most. */
const QUIET_MS = 15 * 60_000;

/** @replayed */
export function judgeSpill(before: GuardState, nowMs: number): Decision {
  const state = withoutOldRefusals(before, nowMs);
  if (state.spill === null) return considerSpill(state, nowMs);
  const over = whyOver(state, state.spill, nowMs);
  if (over === null) return goOn(state, state.spill, nowMs);
  const ended = endSpill(state, state.spill, over);
  const next = considerSpill(ended.state, nowMs);
  return { state: next.state, commands: [...ended.commands, ...next.commands] };
}

/** When a spill wants a look: its next one, and the end of each refusal. @replayed */
export function spillLooksMs({ spill, spillRefused }: GuardState): readonly number[] {
  const refusals = Object.values(spillRefused).map((refusal) => refusal.untilMs);
  return spill === null ? refusals : [spill.lookAtMs, ...refusals];
}

/** What came of an order to the layer. Words about a spill that is over are no news. @replayed */
export function hearSpill(
  state: GuardState,
  event: Extract<GuardEvent, { kind: 'spill-held' | 'spill-refused' }>,
  nowMs: number,
): Decision {
  const { spill } = state;
  if (spill?.id !== event.id) return { state, commands: [] };
  if (event.kind === 'spill-held') return held(state, spill, event.sharePct, nowMs);
  if (spill.sharePct === 0) return { state: withRefusal(state, spill.to, event.why, nowMs), commands: [] };
  // What it holds already it may keep. A layer that refuses even that is asked at the next look, until the lease is over.
  return { state, commands: event.sharePct > spill.sharePct ? [orderFor(state, spill, spill.sharePct)] : [] };
}

/** e.g. `spills 20 % of eu-a to us-b until 2026-01-01T12:00:00.000Z, because eu-a is overloaded: …` @replayed */
export const spillSentence = ({ from, to, sharePct, untilMs, because }: Spill): string =>
  `spills ${sharePct} % of ${from} to ${to} until ${new Date(untilMs).toISOString()}, because ${because}`;

function held(state: GuardState, spill: Spill, sharePct: number, nowMs: number): Decision {
  const changedAtMs = sharePct === spill.sharePct ? spill.changedAtMs : nowMs;
  const now: Spill = { ...spill, sharePct, changedAtMs, untilMs: nowMs + SPILL_LEASE_MS };
  const begins = spill.sharePct === 0;
  const tell: GuardCommand = { kind: 'tell-spill', spill: now, text: spillSentence(now), ended: false };
  return { state: { ...state, spill: now }, commands: begins ? [tell] : [] };
}

function withRefusal(state: GuardState, name: ClusterName, why: string, nowMs: number): GuardState {
  const refusal = { why, untilMs: nowMs + SPILL_REFUSED_MS };
  return { ...state, spill: null, spillRefused: { ...state.spillRefused, [name]: refusal } };
}

function withoutOldRefusals(state: GuardState, nowMs: number): GuardState {
  const refused = Object.entries(state.spillRefused);
  const left = refused.filter(([, { untilMs }]) => untilMs > nowMs);
  return left.length === refused.length ? state : { ...state, spillRefused: Object.fromEntries(left) };
}

function considerSpill(state: GuardState, nowMs: number): Decision {
  const from = overloadedCluster(state);
  if (from === null || state.move !== null) return { state, commands: [] };
  const held = whyNoSpill(state, nowMs);
  if (held !== null) return leave(state, from, held, nowMs);
  const to = targetOf(state, from, nowMs);
  if (to === null) return leave(state, from, { why: noTargetSentence(state, from), alert: true }, nowMs);
  const spill: Spill = {
    id: `spill/${state.spec.name}/${to}/${nowMs}`,
    from,
    to,
    sharePct: 0,
    because: causeOf(from, state.known[from]?.diagnosis),
    sinceMs: nowMs,
    changedAtMs: nowMs,
    untilMs: nowMs + ANSWER_MS_MAX,
    lookAtMs: nowMs + lookMsOf(state),
  };
  return { state: { ...state, spill }, commands: [orderFor(state, spill, nextStep(state, spill))] };
}

interface Left {
  readonly why: string;
  readonly alert: boolean;
}

function whyNoSpill(state: GuardState, nowMs: number): Left | null {
  if (mostOf(state) === 0) return { why: 'spilling is off (overload.spillMax: 0)', alert: false };
  const why = holdsSpill(state, nowMs);
  return why === null ? null : { why, alert: true };
}

/** The overloaded member that carries most; one in maintenance is nobody's business. */
function overloadedCluster(state: GuardState): ClusterName | null {
  const overloaded = state.spec.members
    .map((m) => m.cluster)
    .filter((name) => (state.intended[name] ?? 0) > 0 && isOverloaded(state, name));
  const [most] = overloaded.sort((a, b) => (state.intended[b] ?? 0) - (state.intended[a] ?? 0));
  return most ?? null;
}

const isOverloaded = (state: GuardState, name: ClusterName): boolean =>
  state.known[name]?.diagnosis.verdict === 'overloaded' && state.maintenance[name] === undefined;

/** Healthy, nobody works on it, and it did not refuse just now; one that healed a moment ago comes last. */
function targetOf(state: GuardState, from: ClusterName, nowMs: number): ClusterName | null {
  const wary = onProbation(state, nowMs);
  const fit = state.spec.members
    .map((m) => m.cluster)
    .filter((name) => name !== from && whyUnfit(state, name) === null && state.spillRefused[name] === undefined);
  return fit.find((name) => !wary.includes(name)) ?? fit[0] ?? null;
}

function whyUnfit(state: GuardState, name: ClusterName): string | null {
  const lease = state.maintenance[name];
  if (lease !== undefined) return maintenanceSentence(lease);
  const verdict = state.known[name]?.diagnosis.verdict ?? 'unknown';
  return verdict === 'healthy' ? null : verdict;
}

function noTargetSentence(state: GuardState, from: ClusterName): string {
  const others = state.spec.members.map((m) => m.cluster).filter((name) => name !== from);
  const reasons = others.map((name) => {
    const unfit = whyUnfit(state, name);
    return unfit === null ? (state.spillRefused[name]?.why ?? '') : `${name} is ${unfit}`;
  });
  return reasons.length === 0 ? 'there is no other cluster' : `no other cluster can help: ${reasons.join(', ')}`;
}

/** Written down once for each reason; people are told once a while, however often the verdict comes and goes. */
function leave(state: GuardState, from: ClusterName, { why, alert }: Left, nowMs: number): Decision {
  const trigger = `${from} is overloaded`;
  const toldLately = state.whyNot.some((entry) => entry.trigger === trigger && entry.atMs > nowMs - QUIET_MS);
  const sinceMs = state.known[from]?.diagnosis.sinceMs ?? 0;
  return stay(state, { trigger, why, alert: alert && !toldLately, sinceMs }, nowMs);
}

/** What ends it at once, whatever the load is. */
function whyOver(state: GuardState, spill: Spill, nowMs: number): string | null {
  const { move, intended, spec, maintenance } = state;
  if (move !== null) return `${move.id} leads the traffic now`;
  const held = whyNoSpill(state, nowMs);
  if (held !== null) return held.why;
  if ((intended[spill.from] ?? 0) === 0) return `${spill.from} carries no traffic any more`;
  const lease = maintenance[spill.from];
  if (lease !== undefined) return `${spill.from} is ${maintenanceSentence(lease)}`;
  if (!spec.members.some((m) => m.cluster === spill.to)) return `${spill.to} is no cluster of ${spec.name} any more`;
  const unfit = whyUnfit(state, spill.to);
  if (unfit !== null) return `${spill.to} is ${unfit}`;
  return nowMs < spill.untilMs ? null : 'the traffic layer did not answer in time';
}

/** An agreed one shrinks or grows at its looks and is renewed at each. */
function goOn(state: GuardState, spill: Spill, nowMs: number): Decision {
  if (nowMs < spill.lookAtMs) return { state, commands: [] };
  const next: Spill = { ...spill, lookAtMs: nowMs + lookMsOf(state) };
  if (spill.sharePct === 0) return { state: { ...state, spill: next }, commands: [] };
  const share = shareNow(state, spill, nowMs);
  if (share <= 0) return endSpill(state, spill, `${spill.from} is ${verdictOf(state, spill.from)} again`);
  return { state: { ...state, spill: next }, commands: [orderFor(state, spill, share)] };
}

function shareNow(state: GuardState, spill: Spill, nowMs: number): number {
  if (isOverloaded(state, spill.from)) return nextStep(state, spill);
  const calmSinceMs = Math.max(state.known[spill.from]?.diagnosis.sinceMs ?? 0, spill.changedAtMs);
  const share = Math.min(spill.sharePct, mostOf(state));
  const calmMs = state.spec.overload?.spillStabilizationMs ?? SPILL_STABILIZATION_MS;
  return nowMs - calmSinceMs < calmMs ? share : share - SPILL_STEP_PCT;
}

const nextStep = (state: GuardState, { sharePct }: Spill): number => Math.min(sharePct + SPILL_STEP_PCT, mostOf(state));

const lookMsOf = ({ spec }: GuardState): number => spec.overload?.spillIntervalMs ?? SPILL_INTERVAL_MS;

/** The most that may spill over, percent. */
export const mostOf = ({ spec }: GuardState): number => (spec.overload ?? OVERLOAD_DEFAULTS).spillMaxPct;

const verdictOf = (state: GuardState, name: ClusterName): string => state.known[name]?.diagnosis.verdict ?? 'unknown';

/** A running move needs no word to the layer: its weights end the spill, and our epoch is that of the move by now. */
function endSpill(state: GuardState, spill: Spill, why: string): Decision {
  const commands: GuardCommand[] = [];
  if (state.move === null) commands.push(orderFor(state, spill, 0));
  if (spill.sharePct > 0) {
    const text = `${spill.from} spills nothing to ${spill.to} any more: ${why}`;
    commands.push({ kind: 'tell-spill', spill: { ...spill, sharePct: 0 }, text, ended: true });
  }
  return { state: { ...state, spill: null }, commands };
}

function orderFor(state: GuardState, spill: Spill, sharePct: number): SpillOrder {
  const { id, from, to, sharePct: heldPct } = spill;
  const prove = sharePct > heldPct ? { heldPct } : null;
  return { kind: 'spill', id, epoch: state.epoch, from, to, sharePct, forMs: SPILL_LEASE_MS, prove };
}
