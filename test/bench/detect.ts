/**
 * bench:detect: from a fault to the verdict, for each kind of fault, beside the bound that the settings imply
 * (detect-kinds.ts). Real clusters, one a kind; the fault's moment is when the cluster says that it is felt. Each cluster
 * is alone in its service, so that nothing is moved and everything can be repeated.
 *
 * tsx test/bench/detect.ts [runs] [kinds, comma-separated]
 */
import { applyFleet } from '../../src/control/apply.js';
import { parseFleet } from '../../src/config/load.js';
import type { Verdict } from '../../src/domain/words.js';
import { clusterHealthId } from '../../src/workflows/ids.js';
import { clusterHealthQuery } from '../../src/workflows/messages.js';
import { eventually } from '../kit/eventually.js';
import { callService, closeClusters, putFault, startClusters, type TestClusters } from '../kit/simulated-services.js';
import { MODEL } from '../kit/simulated-fleet.js';
import { CALLS_PER_SECOND, FALL, KINDS, T, type Kind } from './detect-kinds.js';
import { openStage, progress, report, type Stage } from './stage.js';

const RUNS = Number(process.argv[2] ?? 3);
const wanted = process.argv[3]?.split(',');
const MEASURED = KINDS.filter(({ name }) => wanted?.includes(name) ?? true);
const GOAL = 1.1;
/** Kinds at a time: each costs a cluster, and all of them together would measure the machine. */
const AT_ONCE = 5;
const VERDICT_WITHIN_MS = 180_000;

async function main(): Promise<void> {
  const kinds = [];
  for (let i = 0; i < MEASURED.length; i += AT_ONCE)
    kinds.push(...(await measureTogether(MEASURED.slice(i, i + AT_ONCE))));
  const holds = kinds.every(({ worstOfBound }) => worstOfBound <= GOAL);
  report('detect', { runs: RUNS, intervalMs: T, fall: FALL, goalOfBound: GOAL, holds, kinds });
}

async function measureTogether(kinds: readonly Kind[]): Promise<readonly Figures[]> {
  const clusters = await startClusters(kinds.map(({ name }) => name));
  const config = configOf(clusters);
  const stage = await openStage(config);
  try {
    await stage.run('worker', 'probe', '--address', stage.address, '--gateway-admin', stage.adminUrl);
    await applyFleet(stage.client, parseFleet(config, 'bench.yaml'), { dryRun: false });
    return await Promise.all(kinds.map(async (kind) => await measure(stage, kind, clusters)));
  } finally {
    await stage.close();
    await closeClusters(clusters);
  }
}

function configOf(clusters: TestClusters): string {
  const all = [...clusters.values()];
  return [
    'version: 1',
    'clusters:',
    ...all.map(
      ({ name, url }) =>
        `  ${name}: { url: "${url}", region: r, engine: vllm, model: ${MODEL}, capacity: { concurrency: 64 } }`,
    ),
    'services:',
    ...all.map(({ name }) => `  s-${name}: { clusters: [ { name: ${name}, role: primary } ] }`),
    '',
  ].join('\n');
}

interface Figures {
  readonly kind: string;
  readonly verdict: Verdict;
  readonly boundMs: number;
  readonly ms: readonly number[];
  readonly worstOfBound: number;
}

async function measure(stage: Stage, kind: Kind, clusters: TestClusters): Promise<Figures> {
  const callers = kind.loaded ? callService(stage.gatewayUrl, `s-${kind.name}`, CALLS_PER_SECOND) : null;
  const ms: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    await becomes(stage, kind.name, 'healthy');
    // Spread over the interval: a fault is worst right after a tick.
    await new Promise((resolve) => setTimeout(resolve, 1_000 + (T * run) / RUNS));
    const { startedAtMs } = await putFault(clusters, kind.name, kind.fault);
    const since = await becomes(stage, kind.name, kind.is);
    ms.push(since - startedAtMs);
    progress(`${kind.name}: ${since - startedAtMs} ms (bound ${kind.boundMs} ms)`);
    await clusters.get(kind.name)?.clearFaults(null);
  }
  await callers?.run.stop();
  const worstOfBound = Math.round((100 * Math.max(...ms)) / kind.boundMs) / 100;
  return { kind: kind.name, verdict: kind.is, boundMs: kind.boundMs, ms, worstOfBound };
}

/** Waits for the verdict. @returns since when it stands, ms */
async function becomes(stage: Stage, cluster: string, verdict: Verdict): Promise<number> {
  const handle = stage.client.workflow.getHandle(clusterHealthId(cluster));
  let since = 0;
  await eventually(async () => {
    try {
      const { diagnosis } = await handle.query(clusterHealthQuery);
      since = diagnosis.sinceMs;
      return diagnosis.verdict === verdict;
    } catch {
      return false;
    }
  }, VERDICT_WITHIN_MS);
  return since;
}

await main();
