/** A service's member at run time: one cluster, with what is counted of it. */
import { clusterAuthorization } from '../../domain/cluster-key.js';
import type { AttemptFailure } from '../../domain/error-owner.js';
import type { EngineKind } from '../../domain/fleet.js';
import { NO_LIMIT } from '../../domain/admission/room.js';
import { shareMaxPct, SLOW_START_MS, type SlowStart } from '../../domain/admission/slow-start.js';
import type { ClusterTraffic, MemberDefinition } from '../../domain/traffic.js';
import type { ClusterName } from '../../domain/words.js';
import { Roll, type Listed } from '../roll.js';
import { clusterTally, LiveWindow, type ClusterTally } from './counters.js';
import { Ejection } from './ejection.js';
import { FailureLines } from './failure-lines.js';
import type { Load } from './load.js';
import type { Upstream } from '../upstream/upstreams.js';

/** A request that a cluster is answering. */
export interface Running extends Listed {
  /** The cluster is thought lost: leave it as soon as nothing is lost by leaving. */
  rehome(): void;
  /** The cluster is to be emptied: leave it now, if another one can go on. */
  handOver(): void;
}

export interface Member {
  readonly name: ClusterName;
  readonly tally: ClusterTally;
  readonly live: LiveWindow;
  readonly ejection: Ejection;
  readonly running: Roll<Running>;
  readonly failureLines: FailureLines;
  upstream: Upstream;
  model: string;
  engine: EngineKind;
  /** `Authorization` of the cluster's own; `null`: the caller's, if it may pass. */
  authorization: string | null;
  drained: boolean;
  /** Requests at once on its cluster; NO_LIMIT when nobody said. */
  limit: number | 'learned';
  /** Requests of this service that run here, and places that are kept for those that are about to. */
  inFlight: number;
  failingSinceMs: number | null;
  lastOkAtMs: number | null;
  /** Monotonic, ms: when it came back from an ejection, or from a drain with a share. */
  returnedAtMs: number;
  lastFailedAtMs: number | null;
  /** Monotonic, ms: last byte that came from this cluster. */
  lastSignMs: number;
}

export interface Choice {
  readonly member: Member;
  readonly onTrial: boolean;
  /** It goes there only because those that carry are full. */
  readonly spilled: boolean;
  /** Where it takes its place; a member may be defined anew while it runs. */
  readonly load: Load;
  /** Monotonic, ms. */
  readonly beganAtMs: number;
}

/** How an attempt ended, as far as the cluster is concerned; `none`: it was broken off by us or by the caller. */
export type AttemptOutcome =
  | { readonly kind: 'ok' | 'client' | 'quota' | 'none' }
  /** `cut`: after the caller's first byte. `detail`: what was said of it, for the log. */
  | { readonly kind: 'failed'; readonly failure: AttemptFailure | 'cut'; readonly detail: string };

export const limitOf = ({ limit, upstream }: Member): number =>
  limit === 'learned' ? upstream.load.learner.limit : limit;

export const hasRoom = (member: Member): boolean => member.upstream.load.running < limitOf(member);

/** This cluster for one attempt that begins now. */
export function chosen(
  member: Member,
  how: { readonly onTrial: boolean; readonly spilled: boolean; readonly nowMs: number },
): Choice {
  const { onTrial, spilled, nowMs } = how;
  return { member, onTrial, spilled, load: member.upstream.load, beganAtMs: nowMs };
}

/** What is counted of it, to be read by others. */
export function countsOf(m: Member): ClusterTraffic {
  return {
    inFlight: m.inFlight,
    limit: limitOf(m) === NO_LIMIT ? null : limitOf(m),
    counters: { ...m.tally, firstToken: [...m.tally.firstToken] },
    drained: m.drained,
    failingSinceMs: m.failingSinceMs,
    lastOkAtMs: m.lastOkAtMs,
    lastFailedAtMs: m.lastFailedAtMs,
  };
}

/** What a new definition changes of a member that is there. */
export function definedOf(spec: MemberDefinition): Pick<Member, 'model' | 'engine' | 'authorization' | 'limit'> {
  const authorization = clusterAuthorization(spec.apiKeyEnv, process.env);
  return { model: spec.model, engine: spec.engine, authorization, limit: spec.limit ?? NO_LIMIT };
}

export function newMember(
  spec: MemberDefinition,
  place: Pick<Member, 'upstream' | 'drained'> & { readonly process: string },
): Member {
  return {
    name: spec.cluster,
    ...definedOf(spec),
    upstream: place.upstream,
    drained: place.drained,
    tally: clusterTally(place.process),
    live: new LiveWindow(),
    ejection: new Ejection(),
    running: new Roll(),
    failureLines: new FailureLines(),
    inFlight: 0,
    failingSinceMs: null,
    lastOkAtMs: null,
    returnedAtMs: -Infinity,
    lastFailedAtMs: null,
    lastSignMs: -Infinity,
  };
}

/** Those that came back a short while ago. */
export function startingOf(members: readonly Member[], nowMs: number): SlowStart[] {
  const recent = members.filter((m) => nowMs - m.returnedAtMs < SLOW_START_MS);
  return recent.map((m) => ({ cluster: m.name, shareMax: shareMaxPct(nowMs - m.returnedAtMs) }));
}
