/** What must hold at every step of any world, whatever breaks: each broken one is a sentence. */
import type { SimulatedMove } from '../../src/domain/simulation/simulate.js';
import type { GuardState } from '../../src/domain/guard/state.js';
import type { World } from './world.js';

/** A look back at the step before: what may be decided was known then, or came with this tick. */
export interface Before {
  readonly state: GuardState;
  readonly moves: number;
  readonly verdicts: number;
}

const isDown = (verdict: string | undefined): boolean => verdict === 'dead' || verdict === 'stuck';

export function broken(world: World, before: Before): string[] {
  const { state, moves } = world.simulation;
  const made = moves.slice(before.moves);
  return [
    ...brokenWeights(state),
    ...brokenEpochs(state, before, made.length),
    ...made.flatMap((move) => [...brokenTarget(state, move), ...brokenCaution(world, before, move)]),
    ...brokenDuty(state),
    ...brokenSight(world, before),
  ];
}

/** Never all weights zero; they add up to everything. */
function brokenWeights({ intended }: GuardState): string[] {
  const sum = Object.values(intended).reduce((a, b) => a + b, 0);
  const wrong = Math.abs(sum - 100) > 0.01 || Object.values(intended).some((pct) => pct < 0);
  return wrong ? [`the weights are ${JSON.stringify(intended)}`] : [];
}

/** One move at a time, each under a greater epoch. */
function brokenEpochs(state: GuardState, { state: was }: Before, made: number): string[] {
  const sentences: string[] = [];
  if (state.epoch < was.epoch + made)
    sentences.push(`the epoch went from ${was.epoch} to ${state.epoch} over ${made} moves`);
  const epochs = state.history === was.history ? [] : epochsOf(state);
  if (epochs.some((epoch, i) => i > 0 && epoch >= (epochs[i - 1] ?? Infinity)))
    sentences.push(`epochs in the history: ${epochs.join(', ')}`);
  if (state.move !== null && state.move.input.epoch !== state.epoch) sentences.push('a move runs under an old epoch');
  return sentences;
}

const epochsOf = ({ history }: GuardState): number[] => history.map(({ id }) => Number(id.split('/').at(-1)));

/** Nobody is moved to a cluster that is known to be bad, or that somebody works on. */
function brokenTarget(state: GuardState, move: SimulatedMove): string[] {
  const verdict = state.known[move.to]?.diagnosis.verdict;
  const sentences = verdict === 'healthy' ? [] : [`${move.kind} to ${move.to}, which is ${verdict}`];
  return state.maintenance[move.to] === undefined
    ? sentences
    : [...sentences, `${move.kind} to ${move.to} in maintenance`];
}

/** Frozen, or more than half gone bad at once without a caller who says so: nothing moves by itself. */
function brokenCaution(world: World, before: Before, move: SimulatedMove): string[] {
  const { state } = world.simulation;
  const record = state.history.find((r) => r.to === move.to && r.kind === move.kind);
  if (record?.via !== 'auto') return [];
  const sentences: string[] = [];
  if (before.state.freeze !== null && state.freeze === before.state.freeze)
    sentences.push(`a ${move.kind} while frozen`);
  if (move.kind === 'failover' && isBlind(state, move))
    sentences.push('a failover although more than half went bad at once');
  return sentences;
}

/** What a sick observer sees is no news of anybody. */
function brokenSight({ simulation, isObserverSick }: World, before: Before): string[] {
  const said = simulation.verdicts.slice(before.verdicts);
  return isObserverSick ? said.map((v) => `${v.cluster} is called ${v.verdict} although the observer is sick`) : [];
}

function isBlind(state: GuardState, { from }: SimulatedMove): boolean {
  const sources = from.split(', ');
  const confirmed = sources.some((name) =>
    state.known[name]?.diagnosis.evidence.some((fact) => fact.dimension === 'passive'),
  );
  const lastMs = Math.max(...sources.map((name) => state.known[name]?.illSinceMs ?? -Infinity));
  const ill = Object.values(state.known).filter((k) => Math.abs((k.illSinceMs ?? -Infinity) - lastMs) <= 30_000);
  return !confirmed && ill.length > 1 && ill.length * 2 > state.spec.members.length;
}

/**
 * Nobody stays on a cluster that is known to be down while a well one exists, unless something holds: and then it is
 * written down what.
 */
function brokenDuty(state: GuardState): string[] {
  const names = state.spec.members.map((m) => m.cluster);
  const down = names.filter(
    (name) =>
      (state.intended[name] ?? 0) > 0 &&
      isDown(state.known[name]?.diagnosis.verdict) &&
      state.maintenance[name] === undefined,
  );
  const well = names.some(
    (name) => state.known[name]?.diagnosis.verdict === 'healthy' && state.maintenance[name] === undefined,
  );
  if (down.length === 0 || !well || state.move !== null) return [];
  const sinceMs = Math.max(...down.map((name) => state.known[name]?.diagnosis.sinceMs ?? 0));
  const explained = state.whyNot.some(
    (entry) => entry.atMs >= sinceMs && down.some((name) => entry.trigger.includes(name)),
  );
  return explained ? [] : [`the traffic stays on ${down.join(', ')}, and nobody says why`];
}
