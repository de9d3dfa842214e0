/** The fleet as the configuration describes it, resolved: every default filled in, every duration in milliseconds. */
import type { Priority } from './admission/priority.js';
import type { ClusterName, Mode, ServiceName, Strategy, Vantage, Weights } from './words.js';

export const ENGINES = ['generic', 'vllm', 'sglang', 'tensorrt-llm', 'triton', 'llamacpp', 'tgi', 'ollama'] as const;
export type EngineKind = (typeof ENGINES)[number];

export const TRAFFIC_LAYERS = ['gateway'] as const;
export type TrafficLayerName = (typeof TRAFFIC_LAYERS)[number];

/** DCGM exporters that are asked instead of the cluster's own path. */
export interface DcgmSource {
  /** Pages, one a node of the cluster. */
  readonly urls: readonly string[];
  /** Only GPUs whose samples carry these labels are the cluster's; empty: all of them are. */
  readonly labels: Readonly<Record<string, string>>;
}

/** A question, and what its answer must match, as the source of a regular expression. */
export interface GoldenPrompt {
  readonly prompt: string;
  readonly expect: string;
}

export interface ProbeBudgetSettings {
  /** Of the cluster's capacity (requests at once x time), 0-1. */
  readonly share?: number;
  readonly perHour?: number;
  readonly atOnce?: number;
}

/** `null` for a dimension means: this cluster has no such check. */
export interface ProbeSettings {
  readonly http: { readonly path: string; readonly timeoutMs: number } | null;
  readonly gpu: { readonly path: string; readonly timeoutMs: number; readonly dcgm?: DcgmSource } | null;
  readonly memory: {
    readonly path: string;
    readonly timeoutMs: number;
    readonly usedMax: number;
    readonly dcgm?: DcgmSource;
  } | null;
  /** Slowest acceptable answer of any check. */
  readonly latency: { readonly maxMs: number } | null;
  readonly metrics: { readonly path: string; readonly timeoutMs: number } | null;
  readonly generation: {
    readonly timeoutMs: number;
    readonly everyMs: number;
    readonly maxTokens: number;
    /** `false` for a model that cannot repeat a few words (a toy): any whole answer is right then. Or questions of your own. */
    readonly golden?: false | readonly GoldenPrompt[];
    /** One vantage's part of what is written; what is not follows from the other settings (health/probe-budget.ts). */
    readonly budget?: ProbeBudgetSettings;
  } | null;
  readonly identity: { readonly path: string; readonly timeoutMs: number } | null;
}

export interface HealthSettings {
  readonly intervalMs: number;
  /** Failures in a row that make a verdict. */
  readonly fall: number;
  /** Successes in a row that clear it. */
  readonly rise: number;
  /** The second way down: `failures` of the last `of` checks. */
  readonly gray: { readonly failures: number; readonly of: number };
}

/** What a cluster can carry. */
export interface Capacity {
  /** Requests at once that plans count on. */
  readonly concurrency: number;
  /** Requests at once that are let through; `learned`: from what it answers; absent: nobody said, so there is no limit. */
  readonly limit?: number | 'learned';
}

export interface ClusterSpec {
  readonly name: ClusterName;
  readonly url: string;
  readonly region: string;
  readonly engine: EngineKind;
  /** Model id that this cluster must serve. */
  readonly model: string;
  readonly capacity: Capacity;
  /** Name of the environment variable that holds the key with which it is asked; absent: it wants none. */
  readonly apiKeyEnv?: string;
  readonly probes: ProbeSettings;
  readonly health: HealthSettings;
}

export type Role = 'primary' | 'standby' | 'active';

export interface Member {
  readonly cluster: ClusterName;
  readonly role: Role;
}

export interface MoveSettings {
  /** Percent of traffic on the target after each step; the last is always 100. */
  readonly emergency: readonly number[];
  readonly degraded: readonly number[];
  readonly planned: readonly number[];
  readonly drainTimeoutMs: number;
  /** Longest wait for a verdict on one planned step; then the move pauses and asks. */
  readonly stepDeadlineMs: number;
  /** Shortest watch after a planned step, even when the test accepted at once. */
  readonly bakeMs: number;
  /** A first token later than this counts as slow. */
  readonly slowFirstTokenMs: number;
  /** Pause after a move in which no other automatic move starts. */
  readonly cooldownMs: number;
  /** How long a question to a person stays open; the default answer is no. */
  readonly approvalTimeoutMs: number;
  /** Whether a pause ends when a cluster that carries goes down. Absent in what an older version told: it does. */
  readonly pauseYields?: boolean;
  /**
   * What a move that is no emergency does when the traffic layer answers again after an absence longer than
   * `stepDeadlineMs`. Absent in what an older version told the workflows: it goes on.
   */
  readonly afterAbsence?: 'go-on' | 'ask';
}

export interface FailbackSettings {
  readonly policy: 'auto' | 'approve' | 'never';
  readonly soakMs: number;
  /** In which the flap penalty halves. Absent in what an older version told the workflows: the default. */
  readonly flapHalfLifeMs?: number;
}

/** As in route flap damping: a few events of one quarter of an hour add up, those of another hour do not. */
export const FLAP_HALF_LIFE_MS = 15 * 60_000;

/** What happens to requests when the clusters that carry are full. */
export interface OverloadSettings {
  /** Largest share of a service's running requests that is spilled to a standby, percent. */
  readonly spillMaxPct: number;
  /** Requests that may wait at once. */
  readonly waitingMax: number;
  readonly waitMs: number;
  /** Between two steps of a spill. Absent in what an older version told the workflows, as the next one: the default. */
  readonly spillIntervalMs?: number;
  /** Without overload for this long, a spill shrinks by a step. */
  readonly spillStabilizationMs?: number;
}

/** A verdict takes some 6 s, and a step must show its effect before the next one. */
export const SPILL_INTERVAL_MS = 15_000;
/** So that what returns does not overload the cluster again at once. */
export const SPILL_STABILIZATION_MS = 60_000;
/** The drift interval: a weight that somebody else changed is seen within it. */
export const DRIFT_INTERVAL_MS = 5_000;

/**
 * For a service that says nothing of it: a standby keeps most of its room, a queue holds about as many as one cluster
 * runs, and nobody waits longer than a person looks at a page on which nothing happens.
 */
export const OVERLOAD_DEFAULTS: OverloadSettings = { spillMaxPct: 30, waitingMax: 256, waitMs: 10_000 };

/** How the rest of a broken stream is asked for. */
export const CONTINUE_BY = ['text', 'token-ids'] as const;
export type ContinueBy = (typeof CONTINUE_BY)[number];

export interface ServiceSpec {
  readonly name: ServiceName;
  readonly strategy: Strategy;
  /** In order of priority. */
  readonly members: readonly Member[];
  /** `driftIntervalMs` is absent in what an older version told the workflows: the default. */
  readonly traffic: { readonly layer: TrafficLayerName; readonly driftIntervalMs?: number };
  readonly mode: Mode;
  readonly move: MoveSettings;
  readonly failback: FailbackSettings;
  /** Absent in what an older version told the workflows: the defaults. */
  readonly overload?: OverloadSettings;
  /** Absent in what an older version told the workflows: text. */
  readonly continueBy?: ContinueBy;
}

export interface SlackSettings {
  readonly channel: string;
  readonly tokenEnv: string;
  /** Name of the environment variable that holds the secret of Slack's own requests (buttons). */
  readonly signingSecretEnv?: string;
  /** Base URL of the Web API; only tests and proxies change it. */
  readonly apiUrl?: string;
}

export interface WebhookSettings {
  readonly url: string;
  /** Name of the environment variable that holds the signing secret. */
  readonly secretEnv: string;
}

export interface TemporalSettings {
  readonly address: string;
  readonly namespace: string;
}

/** A caller's key, by its hash; `null` is no limit, or every service. */
export interface KeySpec {
  readonly name: string;
  /** SHA-256 of the key, in lower-case hex. */
  readonly sha256: string;
  readonly services: readonly ServiceName[] | null;
  readonly limits: {
    readonly requestsPerMinute: number | null;
    readonly tokensPerMinute: number | null;
    readonly concurrent: number | null;
  };
  /** A request may claim no more, whatever its header says. */
  readonly priorityMax: Priority;
}

export const CONVERSATION_STORES = ['disk', 'redis', 'off'] as const;

/** Where the gateway keeps the conversations of the Responses API. */
export interface ConversationSettings {
  readonly store: (typeof CONVERSATION_STORES)[number];
  /** How long a conversation is kept after its last answer, ms. */
  readonly ttlMs: number;
  readonly bytesMax: number;
  /** Name of the variable that holds the Redis server's URL. */
  readonly redisUrlEnv: string;
}

/** How a gateway ends that was asked to. */
export interface ShutdownSettings {
  /** How long it says that it goes, and serves on, before it takes no more connections, ms. */
  readonly delayMs: number;
  /** How long running requests may go on after that, ms. */
  readonly graceMs: number;
}

/** More processes than this on one machine were never tried. */
export const GATEWAY_WORKERS_MAX = 64;

export interface GatewaySettings {
  /** Admin base URLs of all gateways, as the control and probe workers reach them. Empty: the instance's own. */
  readonly adminUrls: readonly string[];
  /** Processes that serve callers; `auto`: one a core. */
  readonly workers: number | 'auto';
  readonly connectTimeoutMs: number;
  readonly firstByteTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly totalTimeoutMs: number;
  readonly bodyBytesMax: number;
  /** How long a caller may send nothing of a request, or read nothing of an answer; absent: as in the schema. */
  readonly callerTimeoutMs?: number;
  /** Of callers, to one process; absent: from its limit of descriptors. */
  readonly maxConnections?: number;
  /** Of requests and answers that one process keeps whole at once; absent: from the memory of the machine. */
  readonly heldBytesMax?: number;
  readonly shutdown: ShutdownSettings;
  readonly conversations: ConversationSettings;
  /** `stdout`, or the path of a file; absent: none is written. */
  readonly accessLog?: string;
  /** Names, without ports, under which callers reach it, besides those of this machine; absent: see docs/gateway.md. */
  readonly hosts?: readonly string[];
  /** Whether callers reach the routes by which engines are managed; absent: they do not. */
  readonly managementRoutes?: 'refuse' | 'pass';
  /** Absent: callers need no key. */
  readonly keys?: readonly KeySpec[];
}

export interface Fleet {
  readonly temporal: TemporalSettings | null;
  readonly slack: SlackSettings | null;
  readonly webhook: WebhookSettings | null;
  readonly gateway: GatewaySettings;
  readonly vantages: readonly Vantage[];
  readonly clusters: Readonly<Record<ClusterName, ClusterSpec>>;
  readonly services: Readonly<Record<ServiceName, ServiceSpec>>;
}

/** Where a service's traffic belongs when nothing is wrong. */
export function homeWeights(service: ServiceSpec): Weights {
  const { members, strategy } = service;
  if (strategy === 'primary-standby') {
    const primary = members.find((m) => m.role === 'primary') ?? members[0];
    return Object.fromEntries(members.map((m) => [m.cluster, m === primary ? 100 : 0]));
  }
  const active = members.filter((m) => m.role !== 'standby');
  return Object.fromEntries(members.map((m) => [m.cluster, active.includes(m) ? 100 / active.length : 0]));
}
