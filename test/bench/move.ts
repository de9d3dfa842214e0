/**
 * bench:move: from the moment a watch knows that a cluster is dead to the first weight, and to all weight, on the
 * target; one service at a time, and many at once. Everything is real but the dead clusters' watch, which says "dead"
 * on command, so that the moment is known: watch -> cluster workflow -> guard -> move -> gateway.
 */
import { cancellationSignal, heartbeat } from '@temporalio/activity';
import { NativeConnection, Worker } from '@temporalio/worker';
import { createWatchActivities } from '../../src/activities/watch.js';
import { parseFleet } from '../../src/config/load.js';
import { applyFleet } from '../../src/control/apply.js';
import { beginVantage } from '../../src/domain/health/vantage.js';
import type { MoveRecord } from '../../src/domain/move-record.js';
import type { Verdict } from '../../src/domain/words.js';
import { freePorts } from '../kit/ports.js';
import { openGateway } from '../../src/traffic/gateway.js';
import type { TrafficLayer } from '../../src/traffic/traffic-layer.js';
import { moveId, probeTaskQueue, serviceGuardId } from '../../src/workflows/ids.js';
import { guardViewQuery } from '../../src/workflows/messages.js';
import type { WatchOrder, WatchResult } from '../../src/workflows/ports.js';
import { eventually } from '../kit/eventually.js';
import { openStage, percentile, progress, report, type Stage } from './stage.js';

const SINGLE_RUNS = Number(process.argv[2] ?? 40);
const AT_ONCE = Number(process.argv[3] ?? 100);
const GOAL_MS = { single: 250, atOnce: 2_000 };

/** A watch that says what it is told to, when it is told to. */
class Prompter {
  readonly #verdicts = new Map<string, Verdict>();
  readonly #waiting = new Map<string, () => void>();
  readonly diedAtMs = new Map<string, number>();

  die(cluster: string): void {
    this.diedAtMs.set(cluster, Date.now());
    this.#verdicts.set(cluster, 'dead');
    this.#waiting.get(cluster)?.();
  }

  async watch(order: WatchOrder): Promise<WatchResult> {
    const { name } = order.cluster;
    const known = order.health?.verdict ?? 'unknown';
    const verdict = (): Verdict => this.#verdicts.get(name) ?? 'healthy';
    const beat = setInterval(() => heartbeat(order.health), 2_000);
    try {
      if (verdict() === known) {
        await new Promise<void>((resolve) => {
          this.#waiting.set(name, resolve);
          cancellationSignal().addEventListener('abort', () => resolve());
        });
      }
    } finally {
      clearInterval(beat);
    }
    const atMs = this.diedAtMs.get(name) ?? Date.now();
    const diagnosis = { verdict: verdict(), sinceMs: atMs, evidence: [] };
    const health = { ...(order.health ?? beginVantage(atMs)), verdict: verdict(), sinceMs: atMs };
    return { why: 'verdict', health, report: { vantage: order.vantage, diagnosis, atMs, lastGenerationOkAtMs: null } };
  }
}

function configOf(targetPort: number, deadPort: number): string {
  const singles = Array.from({ length: SINGLE_RUNS }, (_, i) => `p${i}`);
  const cluster = (name: string, port: number): string =>
    `  ${name}: { url: "http://127.0.0.1:${port}", region: r, engine: vllm, model: llama-3.1-70b, capacity: { concurrency: 256 } }`;
  const service = (name: string, primary: string): string =>
    `  ${name}: { clusters: [ { name: ${primary}, role: primary }, { name: target, role: standby } ], failback: { policy: never } }`;
  return [
    'version: 1',
    'clusters:',
    cluster('target', targetPort),
    ...[...singles, 'shared'].map((name) => cluster(name, deadPort)),
    'services:',
    ...singles.map((name) => service(`s-${name}`, name)),
    ...Array.from({ length: AT_ONCE }, (_, i) => service(`m-${i}`, 'shared')),
    '',
  ].join('\n');
}

async function main(): Promise<void> {
  const [targetPort = 0, controlPort = 0, deadPort = 0] = await freePorts(3);
  const config = configOf(targetPort, deadPort);
  const stage = await openStage(config);
  await stage.run(
    'sim',
    'cluster',
    '--name',
    'target',
    '--port',
    `${targetPort}`,
    '--control-port',
    `${controlPort}`,
    '--model',
    'llama-3.1-70b',
    '--concurrency',
    '256',
  );
  const prompter = new Prompter();
  const worker = await watchWorker(stage, prompter);
  const running = worker.run();
  await applyFleet(stage.client, parseFleet(config, 'bench.yaml'), { dryRun: false });
  try {
    await settled(stage);
    const layer = openGateway({ adminUrl: stage.adminUrl, token: null, timeoutMs: 5_000 });
    const scene = { client: stage.client, layer };
    progress(`${SINGLE_RUNS} services one after the other`);
    const single: Times[] = [];
    for (let i = 0; i < SINGLE_RUNS; i += 1) single.push(...(await failOver(scene, prompter, `p${i}`, [`s-p${i}`])));
    progress(`${AT_ONCE} services at once`);
    const atOnce = await failOver(
      scene,
      prompter,
      'shared',
      Array.from({ length: AT_ONCE }, (_, i) => `m-${i}`),
    );
    report('move', {
      one: { runs: SINGLE_RUNS, ...figures(single), goalFirstP99Ms: GOAL_MS.single },
      many: { services: AT_ONCE, ...figures(atOnce), goalFirstP99Ms: GOAL_MS.atOnce },
    });
  } finally {
    worker.shutdown();
    await running;
    await stage.close();
  }
}

async function watchWorker(stage: Stage, prompter: Prompter): Promise<Worker> {
  const layer = openGateway({ adminUrl: stage.adminUrl, token: null, timeoutMs: 2_000 });
  const real = createWatchActivities({ trafficState: async (service) => await layer.read(service) });
  return await Worker.create({
    connection: await NativeConnection.connect({ address: stage.address }),
    taskQueue: probeTaskQueue('local'),
    activities: {
      watchCluster: async (order: WatchOrder) =>
        order.cluster.name === 'target'
          ? await real.watchCluster({ ...order, services: [] })
          : await prompter.watch(order),
    },
    maxConcurrentActivityTaskExecutions: 2_000,
    maxHeartbeatThrottleInterval: '2s',
  });
}

/** Every guard knows both of its clusters to be well. */
async function settled(stage: Stage): Promise<void> {
  const services = [
    ...Array.from({ length: SINGLE_RUNS }, (_, i) => `s-p${i}`),
    ...Array.from({ length: AT_ONCE }, (_, i) => `m-${i}`),
  ];
  for (const service of services) {
    await eventually(async () => {
      try {
        const view = await stage.client.workflow.getHandle(serviceGuardId(service)).query(guardViewQuery);
        return view.clusters.every((c) => c.verdict === 'healthy');
      } catch {
        return false;
      }
    }, 120_000);
  }
}

interface Times {
  readonly firstMs: number;
  readonly allMs: number;
}

/** Waits at the gateway, which costs Temporal nothing; the times are those of the moves' own reports. */
async function failOver(
  { client, layer }: { readonly client: Stage['client']; readonly layer: TrafficLayer },
  prompter: Prompter,
  cluster: string,
  services: readonly string[],
): Promise<Times[]> {
  prompter.die(cluster);
  const diedAtMs = prompter.diedAtMs.get(cluster) ?? 0;
  const times: Times[] = [];
  for (const service of services) {
    await eventually(async () => (await layer.read(service)).intended['target'] === 100, 120_000);
    const move: MoveRecord = await client.workflow.getHandle(moveId(service, 1)).result();
    if (move.state !== 'done') throw new Error(`${service}: ${move.state} ${move.why}`);
    const since = (at: string | null): number => Date.parse(at ?? '') - diedAtMs;
    times.push({ firstMs: since(move.report.firstShiftAt), allMs: since(move.report.shiftedAt) });
  }
  return times;
}

const figures = (times: readonly Times[]) => ({
  firstMs: {
    p50: percentile(
      times.map((t) => t.firstMs),
      0.5,
    ),
    p99: percentile(
      times.map((t) => t.firstMs),
      0.99,
    ),
  },
  allMs: {
    p50: percentile(
      times.map((t) => t.allMs),
      0.5,
    ),
    p99: percentile(
      times.map((t) => t.allMs),
      0.99,
    ),
  },
});

await main();
