/** From the file's words to the domain's: engine defaults filled in, roles settled, health shared out to clusters. */
import type {
  Capacity,
  ClusterSpec,
  Fleet,
  GatewaySettings,
  GoldenPrompt,
  HealthSettings,
  KeySpec,
  Member,
  MoveSettings,
  ProbeBudgetSettings,
  ProbeSettings,
  ServiceSpec,
} from '../domain/fleet.js';
import { PROBES_PER_HOUR_MIN } from '../domain/health/probe-budget.js';
import { probeDefaults } from '../domain/health/probe-defaults.js';
import type { ClusterEntry, FleetFile, ServiceEntry } from './schema.js';

/** A checked file as the fleet that everything else works with. */
export function assembleFleet(file: FleetFile): Fleet {
  const mapped = <In, Out>(
    table: Readonly<Record<string, In>>,
    spec: (name: string, entry: In) => Out,
  ): Record<string, Out> => Object.fromEntries(Object.entries(table).map(([name, entry]) => [name, spec(name, entry)]));
  return {
    temporal: file.temporal ?? null,
    slack: file.slack === undefined ? null : withoutAbsent(file.slack),
    webhook: file.webhook ?? null,
    gateway: gatewaySettings(file.gateway),
    vantages: file.vantages,
    clusters: mapped(file.clusters, (name, entry) => clusterSpec(file, name, entry)),
    services: mapped(file.services, serviceSpec),
  };
}

/** Drops keys whose value is `undefined`, so that what was not written is not there. */
function withoutAbsent<T extends object>(table: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(table).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

function gatewaySettings({ adminUrl, adminUrls, keys, ...limits }: FleetFile['gateway']): GatewaySettings {
  return {
    adminUrls: adminUrls ?? (adminUrl === undefined ? [] : [adminUrl]),
    workers: limits.workers,
    connectTimeoutMs: limits.connectTimeout,
    firstByteTimeoutMs: limits.firstByteTimeout,
    idleTimeoutMs: limits.idleTimeout,
    totalTimeoutMs: limits.totalTimeout,
    callerTimeoutMs: limits.callerTimeout,
    ...(limits.maxConnections === undefined ? {} : { maxConnections: limits.maxConnections }),
    ...(limits.heldBytesMax === undefined ? {} : { heldBytesMax: limits.heldBytesMax }),
    bodyBytesMax: limits.bodyBytesMax,
    shutdown: { delayMs: limits.shutdown.delay, graceMs: limits.shutdown.grace },
    conversations: {
      store: limits.conversations.store,
      ttlMs: limits.conversations.ttl,
      bytesMax: limits.conversations.maxBytes,
      redisUrlEnv: limits.conversations.redisUrlEnv,
    },
    ...(limits.accessLog === 'off' ? {} : { accessLog: limits.accessLog }),
    ...(limits.hosts === undefined ? {} : { hosts: limits.hosts }),
    ...(limits.managementRoutes === 'pass' ? { managementRoutes: 'pass' as const } : {}),
    ...(keys === undefined ? {} : { keys: keys.map(keySpec) }),
  };
}

const keySpec = ({ limits, services, ...key }: NonNullable<FleetFile['gateway']['keys']>[number]): KeySpec => ({
  ...key,
  services: services ?? null,
  limits: {
    requestsPerMinute: limits.requestsPerMinute ?? null,
    tokensPerMinute: limits.tokensPerMinute ?? null,
    concurrent: limits.concurrent ?? null,
  },
});

function clusterSpec(file: FleetFile, name: string, entry: ClusterEntry): ClusterSpec {
  const health = healthOf(file, name);
  return {
    name,
    url: entry.url,
    region: entry.region,
    engine: entry.engine,
    model: entry.model,
    capacity: capacityOf(entry.capacity.concurrency),
    ...(entry.apiKeyEnv === undefined ? {} : { apiKeyEnv: entry.apiKeyEnv }),
    probes: probeSettings(entry, { httpTimeoutMs: health?.timeout, vantages: file.vantages.length }),
    health: health === null ? HEALTH_WITHOUT_SERVICE : healthSettings(health),
  };
}

/** What plans count on of a cluster of which nobody said what it can do. It limits nothing. */
const CONCURRENCY_ASSUMED = 64;

function capacityOf(said: number | 'learned' | undefined): Capacity {
  if (said === undefined) return { concurrency: CONCURRENCY_ASSUMED };
  return { concurrency: said === 'learned' ? CONCURRENCY_ASSUMED : said, limit: said };
}

/** A cluster of several services is watched as the service with the shortest interval asks; the first one on a tie. */
function healthOf(file: FleetFile, cluster: string): ServiceEntry['health'] | null {
  const asked = Object.values(file.services)
    .filter((service) => service.clusters.some((member) => member.name === cluster))
    .map((service) => service.health);
  return asked.reduce<ServiceEntry['health'] | null>(
    (best, next) => (best === null || next.interval < best.interval ? next : best),
    null,
  );
}

/** The schema's defaults, for a cluster that no service uses yet. */
const HEALTH_WITHOUT_SERVICE: HealthSettings = { intervalMs: 2_000, fall: 3, rise: 5, gray: { failures: 5, of: 10 } };

const healthSettings = (health: ServiceEntry['health']): HealthSettings => ({
  intervalMs: health.interval,
  fall: health.fall,
  rise: health.rise,
  gray: health.gray,
});

/** What a check has that the engine lacks and the file switches on with some of its keys only. */
const SWITCHED_ON = {
  http: { path: '/health', timeoutMs: 5_000 },
  gpu: { path: '/gpu-status', timeoutMs: 5_000 },
  memory: { path: '/gpu-memory', timeoutMs: 5_000, usedMax: 0.95 },
  metrics: { path: '/metrics', timeoutMs: 1_000 },
  generation: { timeoutMs: 5_000, everyMs: 10_000, maxTokens: 16 },
  identity: { path: '/v1/models', timeoutMs: 1_000 },
} as const satisfies Partial<ProbeSettings>;

type DcgmEntry = string | { readonly urls: readonly string[]; readonly labels: Readonly<Record<string, string>> };

interface Override {
  readonly path?: string | undefined;
  readonly timeout?: number | undefined;
  readonly max?: number | undefined;
  readonly every?: number | undefined;
  readonly maxTokens?: number | undefined;
  readonly golden?: false | readonly GoldenPrompt[] | undefined;
  readonly budget?: ProbeBudgetSettings | undefined;
  readonly dcgm?: DcgmEntry | undefined;
}

function probeSettings(
  { engine, probes }: ClusterEntry,
  { httpTimeoutMs, vantages }: { readonly httpTimeoutMs: number | undefined; readonly vantages: number },
): ProbeSettings {
  const base = probeDefaults(engine);
  const http =
    base.http === null || httpTimeoutMs === undefined ? base.http : { ...base.http, timeoutMs: httpTimeoutMs };
  return {
    http: overridden(http, SWITCHED_ON.http, probes.http),
    gpu: overridden(base.gpu, SWITCHED_ON.gpu, probes.gpu),
    memory: overridden(base.memory, SWITCHED_ON.memory, probes.memory),
    latency:
      probes.latency === undefined ? base.latency : probes.latency === false ? null : { maxMs: probes.latency.max },
    metrics: overridden(base.metrics, SWITCHED_ON.metrics, probes.metrics),
    generation: overridden(base.generation, SWITCHED_ON.generation, generationOf(probes.generation, vantages)),
    identity: overridden(base.identity, SWITCHED_ON.identity, probes.identity),
  };
}

/** What the probes of one vantage may cost: its part of what is written for the cluster. */
function generationOf(written: ClusterEntry['probes']['generation'], vantages: number): Override | false | undefined {
  if (written === undefined || written === false) return written;
  const { budget, golden, ...rest } = written;
  const { share, perHour, atOnce } = budget ?? {};
  const part = {
    share: share === undefined ? undefined : share / vantages,
    perHour: perHour === undefined ? undefined : Math.max(PROBES_PER_HOUR_MIN, Math.floor(perHour / vantages)),
    atOnce: atOnce === undefined ? undefined : Math.max(1, Math.floor(atOnce / vantages)),
  };
  return {
    ...rest,
    golden: golden === true ? undefined : golden,
    budget: budget === undefined ? undefined : withoutAbsent(part),
  };
}

function overridden<T extends object>(
  base: T | null,
  switchedOn: NoInfer<T>,
  change: Override | false | undefined,
): T | null {
  if (change === undefined) return base;
  if (change === false) return null;
  const renamed = {
    path: change.path,
    timeoutMs: change.timeout,
    usedMax: change.max,
    everyMs: change.every,
    maxTokens: change.maxTokens,
    golden: change.golden,
    budget: change.budget,
    dcgm: typeof change.dcgm === 'string' ? { urls: [change.dcgm], labels: {} } : change.dcgm,
  };
  return { ...(base ?? switchedOn), ...withoutAbsent(renamed) };
}

function serviceSpec(name: string, entry: ServiceEntry): ServiceSpec {
  const members = entry.clusters.map((member): Member => ({ cluster: member.name, role: member.role ?? 'active' }));
  return {
    name,
    strategy: entry.strategy,
    members,
    traffic: { layer: entry.traffic.layer, driftIntervalMs: entry.traffic.driftInterval },
    mode: entry.mode,
    move: moveSettings(entry.move),
    failback: {
      policy: entry.failback.policy,
      soakMs: entry.failback.soak,
      flapHalfLifeMs: entry.failback.flapHalfLife,
    },
    overload: {
      spillMaxPct: entry.overload.spillMax,
      waitingMax: entry.overload.waiting,
      waitMs: entry.overload.wait,
      spillIntervalMs: entry.overload.spillInterval,
      spillStabilizationMs: entry.overload.spillStabilization,
    },
    continueBy: entry.continueBy,
  };
}

function moveSettings(move: ServiceEntry['move']): MoveSettings {
  return {
    emergency: move.emergency,
    degraded: move.degraded,
    planned: move.planned,
    drainTimeoutMs: move.drainTimeout,
    stepDeadlineMs: move.stepDeadline,
    bakeMs: move.bake,
    slowFirstTokenMs: move.slowFirstToken,
    cooldownMs: move.cooldown,
    approvalTimeoutMs: move.approvalTimeout,
    pauseYields: move.pauseYields,
    afterAbsence: move.afterAbsence,
  };
}
