/** What a watch sees, as lines of a trace: a recorded incident is replayed by the same code that reads made-up ones. */
import type { ClusterSpec, ProbeSettings, ServiceSpec } from '../fleet.js';
import type { TickSeen } from '../health/types.js';
import type { ClusterName, Vantage } from '../words.js';
import type { TraceCluster, TraceHeader, TraceTick } from './trace.js';

export interface Recording {
  readonly service: ServiceSpec;
  readonly clusters: readonly ClusterSpec[];
  readonly vantage: Vantage;
  /** Wall clock, ms. */
  readonly begunAtMs: number;
}

/** All clusters at one interval, the shortest of theirs: a trace has one. */
export function atOneInterval<T extends { readonly spec: ClusterSpec }>(members: readonly T[]): readonly T[] {
  const intervalMs = Math.min(...members.map(({ spec }) => spec.health.intervalMs));
  return members.map((member) => {
    const { spec } = member;
    return { ...member, spec: { ...spec, health: { ...spec.health, intervalMs } } };
  });
}

/** The first line. It tells settings, for these decide too, but no address and no question. */
export function headerOf({ service, clusters, vantage, begunAtMs }: Recording): TraceHeader {
  const begun = new Date(begunAtMs).toISOString();
  const [first] = clusters;
  const { intervalMs = 0, ...health } = first?.health ?? {};
  return {
    trace: `${service.name} ${begun}`,
    about: `recorded from ${begun} on`,
    interval: intervalMs / 1_000,
    service: service.name,
    mode: service.mode === 'approve' ? 'approve' : 'auto',
    health: { ...health },
    failback: service.failback.policy,
    vantages: [vantage],
    clusters: service.members.flatMap(({ cluster, role }) => {
      const spec = clusters.find((c) => c.name === cluster);
      return spec === undefined ? [] : [clusterOf(spec, role)];
    }),
  };
}

function clusterOf({ name, engine, region, model, capacity, probes }: ClusterSpec, role: string): TraceCluster {
  return { name, role, engine, region, model, concurrency: capacity.concurrency, probes: writtenProbes(probes) };
}

const ms = (value: number): string => `${value}ms`;

/** In the words of the configuration file; `simulate` gives them to the code that reads it. */
function writtenProbes(probes: ProbeSettings): Readonly<Record<string, unknown>> {
  const { http, gpu, memory, latency, metrics, generation, identity } = probes;
  const page = (check: { readonly path: string; readonly timeoutMs: number } | null) =>
    check === null ? false : { path: check.path, timeout: ms(check.timeoutMs) };
  return {
    http: page(http),
    gpu: page(gpu),
    memory: memory === null ? false : { path: memory.path, timeout: ms(memory.timeoutMs), max: memory.usedMax },
    latency: latency === null ? false : { max: ms(latency.maxMs) },
    metrics: page(metrics),
    generation: generation === null ? false : writtenGeneration(generation),
    identity: page(identity),
  };
}

function writtenGeneration({
  timeoutMs,
  everyMs,
  maxTokens,
  budget,
}: NonNullable<ProbeSettings['generation']>): Readonly<Record<string, unknown>> {
  const written = { timeout: ms(timeoutMs), every: ms(everyMs), maxTokens };
  return budget === undefined ? written : { ...written, budget };
}

/** A line that does not know its `t` yet. */
export interface DatedLine {
  /** Wall clock, ms. */
  readonly atMs: number;
  readonly line: Omit<TraceTick, 't'>;
}

/** One observation of one cluster; lines of several clusters stand side by side, each at its own moment. */
export function lineOf({ vantage }: Recording, cluster: ClusterName, tick: TickSeen): DatedLine {
  const { atMs, self, passive = null, generation, ...seen } = tick;
  const sent = generation === undefined || generation === null ? {} : { generation: { ...generation, sent: true } };
  const line = { seen: { [cluster]: { [vantage]: { ...seen, ...sent } } }, traffic: { [cluster]: passive }, self };
  return { atMs, line };
}

/** How long a line may come after its moment, ms: a look is dated by its beginning, and known when its slowest check ends. */
export function lateMaxOf(clusters: readonly ClusterSpec[]): number {
  const timeouts = clusters.flatMap(({ probes: { http, gpu, memory, metrics, identity } }) =>
    [http, gpu, memory, metrics, identity].map((check) => check?.timeoutMs ?? 0),
  );
  return Math.max(...timeouts) + LATE_SPARE_MS;
}

const LATE_SPARE_MS = 1_000;
