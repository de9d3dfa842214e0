/**
 * bench:watch: what it costs to watch 10, 100 and 1,000 clusters every 2 s, every free dimension, over real HTTP. The
 * prober is a process of its own and counts its own processor time; wall-clock figures depend on the machine's other work.
 *
 * node --import tsx test/bench/watch.ts [counts, comma-separated] [seconds] [worker]
 * `worker` measures a real probe worker under Temporal too, at the largest count (needs a build).
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ProberOrder, ProberResult } from './watch-prober.js';
import { progress, report } from './stage.js';
import { measureWorker } from './watch-worker.js';

const COUNTS = (process.argv[2] ?? '10,100,1000').split(',').map(Number);
const MEASURE_MS = Number(process.argv[3] ?? 20) * 1_000;
const WITH_WORKER = process.argv[4] === 'worker';
const INTERVAL_MS = 2_000;
/** The first ticks open every connection and compile every function. */
const WARM_UP_MS = 5 * INTERVAL_MS;
/**
 * `newConnections`: while all is well none is opened, for a fresh one is tried only in doubt. `cpuGrowth`: processor time a
 * cluster at the largest count beside the one before; 1 is linear.
 */
const GOAL = { cpu: 0.5, rssMiB: 1_024, lateMsP99: 0.1 * INTERVAL_MS, newConnections: 0, cpuGrowth: 1.25 };

interface Targets {
  readonly ports: readonly number[];
  readonly gatewayPort: number;
}

interface Run {
  readonly clusters: number;
  /** Share of a core. */
  readonly cpu: number;
  readonly rssMiB: number;
  readonly heapMiB: number;
  readonly ticks: number;
  readonly lateMsP50: number;
  readonly lateMsP99: number;
  readonly healthy: number;
  readonly suspended: number;
  /** Opened while it warmed up. */
  readonly connectionsPerCluster: number;
  /** Opened while it was measured. */
  readonly newConnections: number;
  readonly requests: number;
}

interface Seen {
  readonly connections: number;
  readonly requests: number;
}

function start(file: string, ...args: readonly string[]): ChildProcess {
  const flags = process.env['BENCH_WATCH_FLAGS']?.split(' ') ?? [];
  const own = file === 'watch-prober.ts' ? flags : [];
  return fork(fileURLToPath(new URL(file, import.meta.url)), args, { execArgv: ['--import', 'tsx', ...own] });
}

async function hear<T>(child: ChildProcess): Promise<T> {
  const [message] = (await once(child, 'message')) as [T];
  return message;
}

async function measure(count: number): Promise<Run> {
  const targets = start('watch-targets.ts', `${count}`);
  const { ports, gatewayPort } = await hear<Targets>(targets);
  const prober = start('watch-prober.ts');
  const order: ProberOrder = {
    ports,
    gatewayPort,
    intervalMs: INTERVAL_MS,
    warmUpMs: WARM_UP_MS,
    measureMs: MEASURE_MS,
  };
  const seenByTargets = async (): Promise<Seen> => {
    targets.send('report');
    return await hear<Seen>(targets);
  };
  prober.send(order);
  await hear(prober); // It has warmed up.
  const before = await seenByTargets();
  const result = await hear<ProberResult>(prober);
  const seen = await seenByTargets();
  targets.kill();
  return {
    clusters: count,
    cpu: round(result.cpu, 3),
    rssMiB: round(result.rssMiB),
    heapMiB: round(result.heapMiB),
    ticks: result.ticks,
    lateMsP50: result.lateMsP50,
    lateMsP99: result.lateMsP99,
    healthy: result.healthy,
    suspended: result.suspended,
    connectionsPerCluster: round(before.connections / count),
    newConnections: seen.connections - before.connections,
    requests: seen.requests - before.requests,
  };
}

async function measureWhole(count: number): Promise<Record<string, number>> {
  const targets = start('watch-targets.ts', `${count}`);
  const { ports } = await hear<Targets>(targets);
  const seen = async (): Promise<number> => {
    targets.send('report');
    return (await hear<Seen>(targets)).requests;
  };
  const settings = { warmUpMs: WARM_UP_MS, measureMs: MEASURE_MS };
  const { cpu, rssMiB, requestsPerSecond } = await measureWorker(ports, settings, seen);
  targets.kill();
  return { clusters: count, cpu: round(cpu, 3), rssMiB: round(rssMiB), requestsPerSecond: round(requestsPerSecond, 0) };
}

const round = (value: number, digits = 1): number => Math.round(value * 10 ** digits) / 10 ** digits;

const runs: Run[] = [];
for (const count of COUNTS) {
  const run = await measure(count);
  progress(JSON.stringify(run));
  runs.push(run);
}
const perCluster = ({ cpu, clusters }: Run): number => cpu / clusters;
const [fewer, most] = [runs.at(-2), runs.at(-1)];
const cpuGrowth = fewer === undefined || most === undefined ? null : round(perCluster(most) / perCluster(fewer), 2);
const holds =
  runs.every(
    ({ clusters, healthy, cpu, rssMiB, lateMsP99, newConnections }) =>
      healthy === clusters &&
      cpu < GOAL.cpu &&
      rssMiB < GOAL.rssMiB &&
      lateMsP99 <= GOAL.lateMsP99 &&
      newConnections <= GOAL.newConnections,
  ) && (cpuGrowth ?? 0) <= GOAL.cpuGrowth;
const worker = WITH_WORKER ? await measureWhole(Math.max(...COUNTS)) : null;
if (worker !== null) progress(JSON.stringify(worker));
report('watch', { intervalMs: INTERVAL_MS, runs, cpuGrowth, worker, goal: GOAL, holds });
