/** What a traffic layer says of a service: the facts on which moves are verified and reported. */
import { fieldsOf, isFields } from './outside.js';
import {
  homeWeights,
  type Capacity,
  type ClusterSpec,
  type ContinueBy,
  type EngineKind,
  type OverloadSettings,
  type ServiceSpec,
} from './fleet.js';
import type { ClusterName, ServiceName, Strategy, Unknown, Weights } from './words.js';

/** Upper bounds (ms) of the buckets of `ClusterCounters.firstToken`; the last bucket is everything above. */
export const FIRST_TOKEN_BUCKETS_MS = [50, 100, 250, 500, 1_000, 2_000, 5_000, 10_000, 30_000] as const;

/** Monotonic counts of one cluster within one service, since the layer's process began. */
export interface ClusterCounters {
  /** Identity of the counting process: another one means that the counts began anew. */
  readonly process: string;
  readonly requests: number;
  readonly ok: number;
  /** Failures by owner (4xx, 429, and all that the cluster must answer for). */
  readonly client: number;
  readonly quota: number;
  readonly cluster: number;
  /** Streams that ended without a finish reason of the model's own. */
  readonly cut: number;
  /** Attempts that came here only because those that carry were full. Absent: the layer does not say. */
  readonly spilled?: number;
  /** Requests by time to first token, one count a bucket; one more entry than FIRST_TOKEN_BUCKETS_MS. */
  readonly firstToken: readonly number[];
  /** Sum of what is in those buckets, ms; absent where the layer does not keep it. */
  readonly firstTokenMsSum?: number;
  /** How often the layer took it out by itself; absent where it never does. */
  readonly ejections?: number;
}

/** What callers of a service got, since the layer's process began. */
export interface CallerCounters {
  readonly process: string;
  readonly total: number;
  readonly ok: number;
  /** Answered with an error that was not the caller's own (5xx from us or from a cluster, or nothing at all). */
  readonly lost: number;
  /** Streams broken after their first token, for good. */
  readonly cut: number;
  /** Of those that are `ok`: streams that broke after their first token and went on from another cluster. */
  readonly continued: number;
  /** Requests that needed more than one cluster before the first byte. */
  readonly retried: number;
  /** Refused for the caller's own doing (4xx), and for quota (429). */
  readonly client: number;
  readonly quota: number;
  /** Requests that waited for room, once for each time. Absent: the layer does not say. */
  readonly queued?: number;
  /** Of those that are `lost`: refused because everything was full. Absent: the layer does not say. */
  readonly shed?: number;
}

export interface ClusterTraffic {
  readonly inFlight: number | Unknown;
  /** Requests at once that are let through; `null`: no limit; absent: the layer does not say. */
  readonly limit?: number | null;
  readonly counters: ClusterCounters | Unknown;
  readonly drained: boolean;
  /** Wall clock, ms: first failure of the present row of failures seen by real traffic; `null` when the last one was well. */
  readonly failingSinceMs: number | null;
  /** Wall clock, ms: last success of a real request; `null` when there was none. */
  readonly lastOkAtMs: number | null;
  /** Wall clock, ms: last failure that the cluster must answer for. Absent: the layer does not say. */
  readonly lastFailedAtMs?: number | null;
}

/** A share of one cluster's requests that goes to another one for a while, beside the weights: they stay as written. */
export interface SpillLease {
  readonly from: ClusterName;
  readonly to: ClusterName;
  /** Percent of what `from` would get. */
  readonly sharePct: number;
  /** Wall clock, ms, by the layer's own clock: it ends by itself. */
  readonly untilMs: number;
}

export interface TrafficState {
  readonly service: ServiceName;
  readonly epoch: number;
  /** What was last written. */
  readonly intended: Weights;
  /** What is really applied now. */
  readonly effective: Weights;
  /** Wall clock, ms, of the last change of `intended`, by the layer's own clock. */
  readonly changedAtMs: number;
  readonly clusters: Readonly<Record<ClusterName, ClusterTraffic>>;
  /** Requests that wait for room now. Absent: the layer does not say. */
  readonly waiting?: number;
  readonly callers: CallerCounters | Unknown;
  /** What spills over now; `null`: nothing; absent: the layer cannot. */
  readonly spill?: SpillLease | null;
  /** Of a layer with several replicas: how each stands to this state. Absent: there is one. */
  readonly replicas?: readonly ReplicaStanding[];
}

export interface ReplicaStanding {
  readonly name: string;
  /** `behind`: it answers and holds something older; `away`: nobody knows by what it serves, if it does. */
  readonly standing: 'holds' | 'behind' | 'away';
  /** `null` when it holds the state. */
  readonly why: string | null;
}

export interface MemberDefinition {
  readonly cluster: ClusterName;
  readonly url: string;
  readonly model: string;
  /** Says whether and how an answer that broke off elsewhere can go on here. */
  readonly engine: EngineKind;
  readonly concurrency: number;
  /** Requests at once, as somebody said that it can, or to be learned; absent: nobody did, and there is no limit. */
  readonly limit?: Capacity['limit'] | undefined;
  /** Name of the environment variable, of whoever asks the cluster, that holds its key; absent: it wants none. */
  readonly apiKeyEnv?: string | undefined;
}

/** What a layer must know of a service's members. Their order is their priority. */
export interface ServiceDefinition {
  readonly service: ServiceName;
  readonly strategy: Strategy;
  readonly members: readonly MemberDefinition[];
  /** Weights for a service that the layer does not know yet. */
  readonly home: Weights;
  /** What happens when its clusters are full; absent: the defaults. */
  readonly overload?: OverloadSettings | undefined;
  /** How the rest of a broken stream is asked for; absent: by text. */
  readonly continueBy?: ContinueBy | undefined;
}

/** What a layer is told of a service; members without a cluster are left out. */
export function serviceDefinition(service: ServiceSpec, clusters: readonly ClusterSpec[]): ServiceDefinition {
  const members = service.members.flatMap(({ cluster }) => clusters.find((c) => c.name === cluster) ?? []);
  return {
    service: service.name,
    strategy: service.strategy,
    members: members.map(({ name, url, model, engine, capacity, apiKeyEnv }) => ({
      cluster: name,
      url,
      model,
      engine,
      ...capacity,
      ...(apiKeyEnv && { apiKeyEnv }),
    })),
    home: homeWeights(service),
    ...(service.overload && { overload: service.overload }),
    ...(service.continueBy && { continueBy: service.continueBy }),
  };
}

/** As far as those need it who add up what several processes say: of each cluster there is something to add. */
export function isTrafficState(value: unknown): value is TrafficState {
  const { service, clusters, callers } = fieldsOf(value);
  const isNamed = typeof service === 'string' && (isFields(callers) || callers === 'unknown');
  return isNamed && isFields(clusters) && Object.values(clusters).every(isFields);
}
