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
const GOAL = { cpu: 0.5, rssMiB: 1_024, lateMsP99: 0.1 * INTERVAL_MS, connectionsPerCluster: 10 };

interface Targets {
  readonly ports: readonly number[];
  readonly gatewayPort: number;
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

async function measure(count: number): Promise<Record<string, number | boolean>> {
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
  prober.send(order);
  const result = await hear<ProberResult>(prober);
  targets.send('report');
  const seen = await hear<Seen>(targets);
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
    connectionsPerCluster: round(seen.connections / count),
    requests: seen.requests,
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

const runs: Record<string, number | boolean>[] = [];
for (const count of COUNTS) {
  const run = await measure(count);
  progress(JSON.stringify(run));
  runs.push(run);
}
const most = runs.at(-1);
const holds =
  most !== undefined &&
  Number(most['cpu']) < GOAL.cpu &&
  Number(most['rssMiB']) < GOAL.rssMiB &&
  Number(most['lateMsP99']) <= GOAL.lateMsP99;
const worker = WITH_WORKER ? await measureWhole(Math.max(...COUNTS)) : null;
if (worker !== null) progress(JSON.stringify(worker));
report('watch', { intervalMs: INTERVAL_MS, runs, worker, goal: GOAL, holds });
