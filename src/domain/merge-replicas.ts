/**
 * What several gateways that serve side by side answered to one question or order, as one answer. A replica that cannot be
 * asked is named and never waited for; it may still serve by an old table, so what runs is unknown then. Pure.
 */
import type { ErrorCode } from './errors.js';
import { mergeTraffic } from './merge-traffic.js';
import type { ReplicaStanding, TrafficState } from './traffic.js';

export type ReplicaAnswer =
  | { readonly name: string; readonly state: TrafficState }
  | { readonly name: string; readonly code: ErrorCode; readonly why: string };

type Failed = Extract<ReplicaAnswer, { readonly code: ErrorCode }>;
type Told = Exclude<ReplicaAnswer, Failed>;

export type MergedAnswer =
  | { readonly kind: 'state'; readonly state: TrafficState }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly why: string };

/** Says that nobody can be heard there; anything else is an answer. */
const AWAY: ReadonlySet<ErrorCode> = new Set(['layer-unreachable', 'write-outcome-unknown', 'bad-config']);
/** When nobody did it: the first of these that somebody gave as the reason. Before all, that another writer is newer. */
const REASONS: readonly ErrorCode[] = ['stale-epoch', 'bad-input', 'unknown-cluster', 'unknown-service', 'bad-config'];

/**
 * One live replica that did it is enough, but for a newer writer, who is obeyed wherever he was heard. The state's epoch and
 * intended weights are those of the live replica that is furthest behind, so that whoever compares them sees to it.
 */
export function mergeReplicas(answers: readonly ReplicaAnswer[]): MergedAnswer {
  const failed = answers.filter((a): a is Failed => 'code' in a);
  const [first, ...others] = answers.filter((a): a is Told => 'state' in a);
  const fenced = failed.find(({ code }) => code === 'stale-epoch');
  if (fenced !== undefined) return { kind: 'failed', code: fenced.code, why: fenced.why };
  if (first === undefined) return worst(failed);
  const states = [first, ...others].map(({ state }) => state);
  const merged = mergeTraffic(first.state, ...others.map(({ state }) => state));
  const oldest = states.reduce((least, state) => (isOlder(state, least) ? state : least));
  const knowsNothing = failed.some(({ code }) => code === 'unknown-service');
  const everybodyHeard = failed.every(({ code }) => code === 'unknown-service');
  return {
    kind: 'state',
    state: {
      ...merged,
      epoch: knowsNothing ? 0 : oldest.epoch,
      intended: knowsNothing ? {} : oldest.intended,
      clusters: everybodyHeard ? merged.clusters : withUnknownInFlight(merged.clusters),
      replicas: answers.map((answer) => standingOf(answer, merged)),
    },
  };
}

/** e.g. `not on 10.0.0.2:4402 (connection refused)`; `null` when every replica has what was written. */
export function absentSentence({ replicas = [] }: TrafficState): string | null {
  const absent = replicas.filter(({ standing }) => standing !== 'holds');
  if (absent.length === 0) return null;
  return `not on ${absent.map(({ name, why }) => `gateway ${name} (${why ?? 'unknown'})`).join(', ')}`;
}

/** The same with what else is to be said. */
export function withAbsent(why: string, state: TrafficState): string {
  const absent = absentSentence(state);
  return absent === null ? why : `${why}; ${absent}`;
}

export function withUnknownInFlight(clusters: TrafficState['clusters']): TrafficState['clusters'] {
  return Object.fromEntries(Object.entries(clusters).map(([name, c]) => [name, { ...c, inFlight: 'unknown' }]));
}

function worst(failed: readonly Failed[]): MergedAnswer {
  const reason =
    REASONS.map((code) => failed.find((f) => f.code === code)).find((f) => f !== undefined) ??
    failed.find(({ code }) => code === 'write-outcome-unknown') ??
    failed[0];
  const why = failed.map((f) => f.why).join('; ');
  if (reason === undefined) return { kind: 'failed', code: 'layer-unreachable', why: 'no gateway is named' };
  return { kind: 'failed', code: reason.code, why: AWAY.has(reason.code) ? why : reason.why };
}

function standingOf(answer: ReplicaAnswer, merged: TrafficState): ReplicaStanding {
  const { name } = answer;
  if ('code' in answer) return { name, standing: AWAY.has(answer.code) ? 'away' : 'behind', why: answer.why };
  const { state } = answer;
  if (!isOlder(state, merged) && sameIntended(state, merged)) return { name, standing: 'holds', why: null };
  return { name, standing: 'behind', why: `it holds epoch ${state.epoch}, others ${merged.epoch}` };
}

function isOlder(a: TrafficState, b: TrafficState): boolean {
  return a.epoch < b.epoch || (a.epoch === b.epoch && a.changedAtMs < b.changedAtMs && !sameIntended(a, b));
}

function sameIntended(a: TrafficState, b: TrafficState): boolean {
  return Object.keys({ ...a.intended, ...b.intended }).every((name) => a.intended[name] === b.intended[name]);
}
