/**
 * The whole thing for bench:watch: a real probe worker under a real Temporal, a watch activity a cluster, with the
 * gateway and the control worker beside it. Its processor time is read from the system, all threads included.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseFleet } from '../../src/config/load.js';
import { applyFleet } from '../../src/control/apply.js';
import { eventually } from '../kit/eventually.js';
import { openStage, progress } from './stage.js';

const MEMBERS = 10;
/** Ticks of the system's clock a second, as Linux reports processor time; the same on every machine that runs it. */
const CLOCK_TICKS = 100;
const PAGE_BYTES = 4096;
const SETTLE_WITHIN_MS = 600_000;
/** Four pages a tick of 2 s, and the model list at every fifth. */
const REQUESTS_PER_CLUSTER = 4.2 / 2;
const WATCHED_SHARE = 0.95;
const RATE_OVER_MS = 4_000;

export interface WorkerFigures {
  readonly cpu: number;
  readonly rssMiB: number;
  /** Requests that the targets had a second, while it was measured: below what the clusters need, some were not watched. */
  readonly requestsPerSecond: number;
}

/** @param seen requests that the targets have had so far */
export async function measureWorker(
  ports: readonly number[],
  settings: { readonly warmUpMs: number; readonly measureMs: number },
  seen: () => Promise<number>,
): Promise<WorkerFigures> {
  const config = configOf(ports);
  const stage = await openStage(config);
  try {
    const address = ['--address', stage.address, '--gateway-admin', stage.adminUrl];
    const worker = await stage.run('worker', 'probe', ...address, '--max-clusters', `${ports.length}`);
    progress(`applying ${ports.length} clusters`);
    await applyFleet(stage.client, parseFleet(config, 'bench.yaml'), { dryRun: false });
    // A thousand new clusters keep the control plane busy for a while; only then are all of them watched at every tick.
    await eventually(
      async () => (await rateOf(seen)) >= WATCHED_SHARE * REQUESTS_PER_CLUSTER * ports.length,
      SETTLE_WITHIN_MS,
    );
    await sleep(settings.warmUpMs);
    const [before, seenBefore] = [processorSeconds(worker.pid), await seen()];
    const startedAt = performance.now();
    await sleep(settings.measureMs);
    const spent = processorSeconds(worker.pid) - before;
    const seconds = (performance.now() - startedAt) / 1000;
    return {
      cpu: spent / seconds,
      rssMiB: residentMiB(worker.pid),
      requestsPerSecond: ((await seen()) - seenBefore) / seconds,
    };
  } finally {
    await stage.close();
  }
}

/** Requests a second, over a few ticks. */
async function rateOf(seen: () => Promise<number>): Promise<number> {
  const [before, startedAt] = [await seen(), performance.now()];
  await sleep(RATE_OVER_MS);
  return ((await seen()) - before) / ((performance.now() - startedAt) / 1000);
}

function configOf(ports: readonly number[]): string {
  const clusters = ports.map(
    (port, i) =>
      `  c${i}: { url: "http://127.0.0.1:${port}", region: r, engine: vllm, model: m, probes: { generation: false, memory: { path: /gpu-memory } } }`,
  );
  const services = Array.from({ length: Math.ceil(ports.length / MEMBERS) }, (_, s) => {
    const members = ports.slice(s * MEMBERS, (s + 1) * MEMBERS).map((_, i) => `{ name: c${s * MEMBERS + i} }`);
    return `  s${s}: { strategy: round-robin, clusters: [ ${members.join(', ')} ], failback: { policy: never } }`;
  });
  return ['version: 1', 'clusters:', ...clusters, 'services:', ...services, ''].join('\n');
}

/** User and system time of a process so far, s. */
function processorSeconds(pid: number | undefined): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
}

function residentMiB(pid: number | undefined): number {
  const [, resident = '0'] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ');
  return (Number(resident) * PAGE_BYTES) / 2 ** 20;
}
