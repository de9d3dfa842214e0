/**
 * The measured process of bench:watch: every watcher of a probe worker, without Temporal around it. Measures itself:
 * processor time of all its threads, memory, and how late each tick came.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { probeDefaults } from '../../src/domain/health/probe-defaults.js';
import type { ClusterSpec } from '../../src/domain/fleet.js';
import { beginVantage, type VantageHealth } from '../../src/domain/health/vantage.js';
import type { LookSources } from '../../src/probes/look.js';
import { shareTraffic } from '../../src/probes/shared-traffic.js';
import { createWatcher } from '../../src/probes/watcher.js';
import { openGateway } from '../../src/traffic/gateway.js';
import { clusterSpec } from '../kit/fleet.js';
import { percentile } from './stage.js';

export interface ProberOrder {
  readonly ports: readonly number[];
  readonly gatewayPort: number;
  readonly intervalMs: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

export interface ProberResult {
  /** Share of one core. */
  readonly cpu: number;
  readonly rssMiB: number;
  readonly heapMiB: number;
  readonly ticks: number;
  readonly lateMsP50: number;
  readonly lateMsP99: number;
  /** Verdicts at the end, which must all be healthy: a prober that is too slow distrusts itself. */
  readonly healthy: number;
  readonly suspended: number;
}

/** Clusters of one service. */
const MEMBERS = 10;

/** Every free dimension: no completions, which cost the cluster, not the prober. */
function specOf(index: number, order: ProberOrder): ClusterSpec {
  return clusterSpec(`c${index}`, {
    url: `http://127.0.0.1:${order.ports[index]}`,
    probes: {
      ...probeDefaults('vllm'),
      memory: { path: '/gpu-memory', timeoutMs: 1_000, usedMax: 0.95 },
      generation: null,
    },
    health: { intervalMs: order.intervalMs, fall: 3, rise: 5, gray: { failures: 5, of: 10 } },
  });
}

function serviceOf(index: number, count: number): string {
  const first = index - (index % MEMBERS);
  return `s-${first}-${Math.min(first + MEMBERS, count) - 1}`;
}

class Meter {
  readonly lateMs: number[] = [];
  #measuring = false;

  begin(): void {
    this.#measuring = true;
    this.lateMs.length = 0;
  }

  /** Lateness against the watcher's own grid: two ticks should lie one interval apart. */
  note(beforeMs: number, atMs: number, intervalMs: number): void {
    if (this.#measuring) this.lateMs.push(Math.abs(atMs - beforeMs - intervalMs));
  }
}

async function watch(
  spec: ClusterSpec,
  service: string,
  sources: LookSources,
  meter: Meter,
  signal: AbortSignal,
): Promise<VantageHealth> {
  const watcher = createWatcher({ cluster: spec, services: [service], sources, signal, now: Date.now });
  let health = beginVantage(Date.now());
  try {
    for (;;) {
      const before = health.lastTickAtMs;
      health = await watcher.step(health);
      if (before !== null && health.lastTickAtMs !== null && health.lastTickAtMs !== before)
        meter.note(before, health.lastTickAtMs, spec.health.intervalMs);
    }
  } catch (error) {
    if (signal.aborted) return health;
    throw error;
  } finally {
    watcher.close();
  }
}

async function run(order: ProberOrder): Promise<ProberResult> {
  const layer = openGateway({ adminUrl: `http://127.0.0.1:${order.gatewayPort}`, token: null, timeoutMs: 1_000 });
  const sources: LookSources = { trafficState: shareTraffic(async (service) => await layer.read(service)) };
  const meter = new Meter();
  const end = new AbortController();
  const watches = order.ports.map(
    async (_, index) =>
      await watch(specOf(index, order), serviceOf(index, order.ports.length), sources, meter, end.signal),
  );
  await sleep(order.warmUpMs);
  process.send?.('measuring');
  meter.begin();
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  await sleep(order.measureMs);
  const { user, system } = process.cpuUsage(cpuBefore);
  const cpu = (user + system) / 1000 / (performance.now() - startedAt);
  const { rss, heapUsed } = process.memoryUsage();
  end.abort();
  const healths = await Promise.all(watches);
  return {
    cpu,
    rssMiB: rss / 2 ** 20,
    heapMiB: heapUsed / 2 ** 20,
    ticks: meter.lateMs.length,
    lateMsP50: percentile(meter.lateMs, 0.5),
    lateMsP99: percentile(meter.lateMs, 0.99),
    healthy: healths.filter((health) => health.verdict === 'healthy').length,
    suspended: healths.filter((health) => health.suspended !== null).length,
  };
}

process.once('message', (order: ProberOrder) => {
  void run(order).then((result) => process.send?.(result, () => process.exit(0)));
});
