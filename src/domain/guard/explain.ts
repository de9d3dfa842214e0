/** What would happen now if a cluster failed, and why the last decision fell as it did: asked of the code that decides. */
import type { Advance, GuardCommand } from './commands.js';
import { DEGRADED_PENALTY_MAX, FAILBACK_PENALTY_MAX, penaltyAt } from './damping.js';
import { advance } from './guard.js';
import { holdsFailback } from './holds.js';
import { unwatchedOf, unwatchedSentence } from './unwatched.js';
import { maintenanceSentence, withoutExpired } from './maintenance.js';
import { mostOf, spillSentence } from './spill.js';
import type { GuardState, RunningMove } from './state.js';
import { gainingClusters } from '../plan/plan-move.js';
import { goalOf } from '../plan/redirect.js';
import type { MovePlan } from '../plan/types.js';
import type { ClusterName, Evidence, Verdict } from '../words.js';

export interface ClusterExplanation {
  readonly name: ClusterName;
  /** How it stands now, e.g. `primary, healthy, carries 100 %`. */
  readonly now: string;
  readonly ifDead: string;
  readonly ifDegraded: string;
  readonly ifOverloaded: string;
}

export interface Explanation {
  readonly service: string;
  /** What automation may do at this moment, and what holds it back. */
  readonly automation: readonly string[];
  readonly clusters: readonly ClusterExplanation[];
  /** What spills over now; `null`: nothing. */
  readonly spill: string | null;
  /** The way home; `null` when the traffic is there. */
  readonly home: string | null;
  /** The last decision to act or not to act; `null` when nothing ever happened. */
  readonly last: string | null;
}

/** Plain sentences, without changing anything. `nowMs`: wall clock. */
export function explain(before: GuardState, nowMs: number): Explanation {
  const state = withoutExpired(before, nowMs);
  return {
    service: state.spec.name,
    automation: explainAutomation(state, nowMs),
    clusters: state.spec.members.map(({ cluster: name, role }) => ({
      name,
      now: `${role}, ${conditionOf(state, name)}, carries ${round(state.intended[name] ?? 0)} %`,
      ifDead: foretell(state, name, 'dead', nowMs),
      ifDegraded: foretell(state, name, 'degraded', nowMs),
      ifOverloaded: foretellSpill(state, name, nowMs),
    })),
    spill: state.spill === null ? null : spillSentence(state.spill),
    home: explainHome(state),
    last: explainLast(state),
  };
}

const round = (pct: number): number => Math.round(pct * 100) / 100;
const iso = (ms: number): string => new Date(ms).toISOString();

function conditionOf(state: GuardState, name: ClusterName): string {
  const lease = state.maintenance[name];
  return lease === undefined ? (state.known[name]?.diagnosis.verdict ?? 'unknown') : maintenanceSentence(lease);
}

function explainAutomation(state: GuardState, nowMs: number): string[] {
  const { move, spec, cooldownUntilMs } = state;
  const held = holdsFailback(state, nowMs);
  const restless = penaltyAt(state.penalty, nowMs, state.spec);
  const sentences = [
    move === null
      ? null
      : `${move.id} ${isWaiting(move) ? 'waits for a person' : 'is running'} (${move.question ?? move.step}); nothing else starts until it has ended`,
    held === null ? null : `held: ${held}`,
    held === null && spec.mode === 'approve' ? 'a person is asked before anything moves' : null,
    nowMs < cooldownUntilMs ? `cooling down until ${iso(cooldownUntilMs)}` : null,
    restless < FAILBACK_PENALTY_MAX ? null : unrest(restless),
    ...explainSight(state),
  ].filter((sentence) => sentence !== null);
  return sentences.length === 0 ? ['automation is on'] : sentences;
}

/** One sentence a vantage that nobody watches from. */
function explainSight(state: GuardState): string[] {
  const unwatched = unwatchedOf(
    state.spec.members.map(({ cluster: name }) => ({
      name,
      unwatchedFrom: state.known[name]?.diagnosis.unwatchedFrom ?? [],
    })),
  );
  return unwatched.map(unwatchedSentence);
}

function unrest(value: number): string {
  const degraded = value < DEGRADED_PENALTY_MAX ? '' : ', and a person is asked before a limping cluster is left';
  return `the service was restless lately (${Math.round(value)} points): nothing goes home by itself until it is below ${FAILBACK_PENALTY_MAX}${degraded}`;
}

/** The state with this one verdict more, given to the code that decides; what it orders is read, not done. */
function foretell(state: GuardState, name: ClusterName, verdict: Verdict, nowMs: number): string {
  if (state.move !== null) return foretellWith(state, state.move, { name, verdict, confirmed: true }, nowMs);
  const real = decideOn(state, { name, verdict, confirmed: true }, nowMs);
  const doubtful = decideOn(state, { name, verdict, confirmed: false }, nowMs);
  return real === doubtful ? real : `${real}; if only the probes said so: ${doubtful}`;
}

interface Assumed {
  readonly name: ClusterName;
  readonly verdict: Verdict;
  readonly confirmed: boolean;
}

function decideOn(state: GuardState, assumed: Assumed, nowMs: number): string {
  const { state: after, commands } = assume(state, assumed, nowMs);
  const start = commands.find((command) => command.kind === 'start-move');
  if (start !== undefined) return foretellMove(start);
  return `nothing would move: ${whyNothing(state, after, assumed.name)}`;
}

/** What becomes of the move that runs. */
function foretellWith(state: GuardState, move: RunningMove, assumed: Assumed, nowMs: number): string {
  const { commands } = assume(state, assumed, nowMs);
  if (commands.some(({ kind }) => kind === 'supersede-move'))
    return `${move.id} would wait for nobody any more, and what comes next would be decided anew`;
  if (isWaiting(move)) return `${move.id} would hear of it and go on waiting for a person`;
  return `${move.id} would hear of it and go on, or turn to another target`;
}

const isWaiting = ({ state }: RunningMove): boolean => state === 'asking' || state === 'paused';

function foretellSpill(state: GuardState, name: ClusterName, nowMs: number): string {
  if (state.spill?.from === name && state.spill.sharePct > 0) return 'it spills over already';
  const before = { ...state, spill: null };
  const { state: after, commands } = assume(before, { name, verdict: 'overloaded', confirmed: false }, nowMs);
  const order = commands.find((command) => command.kind === 'spill');
  if (order === undefined) return `nothing would spill over: ${whyNothing(state, after, name)}`;
  return `${order.sharePct} % and then more, ${mostOf(state)} % at most, would spill over to ${order.to}, as long as it has room`;
}

function assume(state: GuardState, { name, verdict, confirmed }: Assumed, nowMs: number): Advance {
  const fact: Omit<Evidence, 'dimension'> = { seen: 'assumed', threshold: '', sinceMs: nowMs, by: '' };
  const evidence: Evidence[] = [{ ...fact, dimension: 'http' }];
  if (confirmed) evidence.push({ ...fact, dimension: 'passive' });
  return advance(
    { ...state, whyNot: [] },
    { kind: 'verdict', cluster: name, diagnosis: { verdict, sinceMs: nowMs, evidence }, lastGenerationOkAtMs: null },
    nowMs,
  );
}

const whyNothing = (state: GuardState, after: GuardState, name: ClusterName): string =>
  after.whyNot.find((entry) => entry.trigger.includes(name))?.why ?? whyUnmoved(state, name);

function foretellMove({ input }: Extract<GuardCommand, { kind: 'start-move' }>): string {
  const { plan, cause } = input;
  const steps = plan.steps.map((step) => step.name).join(', ');
  const way = plan.profile === 'emergency' ? `at once (${steps})` : `step by step (${steps}), each one verified`;
  const shift = `${whatMoves(plan)} would move to ${takersOf(plan)} ${way}`;
  if (plan.approval === 'none') return shift;
  const why = cause.includes('restless') ? 'the service was restless lately' : 'the mode is approve';
  return `a person would be asked, as ${why}; then ${shift}`;
}

function whatMoves({ from, start }: MovePlan): string {
  const share = round(from.reduce((sum, name) => sum + (start[name] ?? 0), 0));
  return share === 100 ? 'the traffic' : `the ${share} % of ${from.join(' and ')}`;
}

/** Several active clusters share what one of them leaves. */
const takersOf = (plan: MovePlan): string => gainingClusters(plan.start, goalOf(plan)).join(' and ');

function whyUnmoved(state: GuardState, name: ClusterName): string {
  const lease = state.maintenance[name];
  if (state.move !== null) return `${state.move.id} is running`;
  return lease === undefined ? 'it carries no traffic' : `it is ${maintenanceSentence(lease)}`;
}

function explainHome({ failback }: GuardState): string | null {
  if (failback === null) return null;
  const due = failback.dueAtMs === null ? '' : `, due ${iso(failback.dueAtMs)}`;
  return `${failback.state}${due}: ${failback.why}`;
}

function explainLast({ history, whyNot, move }: GuardState): string | null {
  if (move !== null) return `${iso(move.startedAtMs)}: ${move.id} was started: ${move.input.cause}`;
  const [moved] = history;
  const [stayed] = whyNot;
  if (stayed !== undefined && stayed.atMs >= Date.parse(moved?.endedAt ?? iso(0)))
    return `${iso(stayed.atMs)}: ${stayed.trigger}, and nothing was moved: ${stayed.why}`;
  if (moved === undefined) return null;
  return `${moved.endedAt}: ${moved.kind} ${moved.from.join(', ')} → ${moved.to} by ${moved.by} (${moved.reason}): ${moved.state}, ${moved.why}`;
}
