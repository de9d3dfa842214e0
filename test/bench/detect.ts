/**
 * bench:detect: from a fault to the verdict, for each kind of fault, beside the bound that the settings imply
 * (docs/health.md). Real clusters, one a kind, all at the same time; the fault's moment is when the cluster says that
 * it is felt. Each cluster is alone in its service, so that nothing is moved and everything can be repeated.
 */
import { applyFleet } from '../../src/control/apply.js';
import { parseFleet } from '../../src/config/load.js';
import { probeDefaults } from '../../src/domain/health/probe-defaults.js';
import type { Verdict } from '../../src/domain/words.js';
import { clearFaults, orderFault } from '../../src/simulator/control-client.js';
import { startLoad, type LoadRun } from '../../src/simulator/load.js';
import { freePorts } from '../../src/temporal/ports.js';
import { clusterHealthId } from '../../src/workflows/ids.js';
import { clusterHealthQuery } from '../../src/workflows/messages.js';
import { eventually } from '../kit/eventually.js';
import { openStage, progress, report, type Stage } from './stage.js';

const RUNS = Number(process.argv[2] ?? 3);
const MODEL = 'llama-3.1-70b';
const LOADED_PER_SECOND = 4;

const T = 2_000;
const FALL = 3;
const HTTP_TIMEOUT = probeDefaults('vllm').http?.timeoutMs ?? 0;
const GENERATION = probeDefaults('vllm').generation ?? { everyMs: 0, timeoutMs: 0 };
/** No engine step for this long while there is work: `domain/health/engine-load.ts`. */
const STANDSTILL = 10_000;

interface Kind {
  readonly name: string;
  readonly fault: string;
  readonly loaded: boolean;
  readonly is: Verdict;
  readonly boundMs: number;
}

const KINDS: readonly Kind[] = [
  { name: 'crash', fault: 'crash', loaded: false, is: 'dead', boundMs: 2 * T },
  { name: 'crash-under-load', fault: 'crash', loaded: true, is: 'dead', boundMs: 2 * T },
  { name: 'freeze', fault: 'freeze', loaded: false, is: 'dead', boundMs: T + (FALL - 1) * T + HTTP_TIMEOUT },
  { name: 'hang-under-load', fault: 'hang', loaded: true, is: 'stuck', boundMs: STANDSTILL + T },
  {
    name: 'hang-idle',
    fault: 'hang',
    loaded: false,
    is: 'stuck',
    boundMs: GENERATION.everyMs + FALL * T + GENERATION.timeoutMs,
  },
  { name: 'gpu-lost', fault: 'gpu-lost', loaded: false, is: 'degraded', boundMs: T + (FALL - 1) * T },
  // The model's id is asked at every fifth tick.
  { name: 'wrong-model', fault: 'wrong-model', loaded: false, is: 'degraded', boundMs: 5 * T + (FALL - 1) * T },
];

async function main(): Promise<void> {
  const ports = await freePorts(2 * KINDS.length);
  const portsOf = (i: number): [number, number] => [ports[2 * i] ?? 0, ports[2 * i + 1] ?? 0];
  const config = [
    'version: 1',
    'clusters:',
    ...KINDS.map(
      ({ name }, i) =>
        `  ${name}: { url: "http://127.0.0.1:${portsOf(i)[0]}", region: r, engine: vllm, model: ${MODEL}, capacity: { concurrency: 64 } }`,
    ),
    'services:',
    ...KINDS.map(({ name }) => `  s-${name}: { clusters: [ { name: ${name}, role: primary } ] }`),
    '',
  ].join('\n');
  const stage = await openStage(config);
  await Promise.all(
    KINDS.map(async ({ name }, i) => {
      const [port, control] = portsOf(i);
      await stage.run(
        'sim',
        'cluster',
        '--name',
        name,
        '--port',
        `${port}`,
        '--control-port',
        `${control}`,
        '--model',
        MODEL,
      );
    }),
  );
  await stage.run(
    'worker',
    'probe',
    '--vantage',
    'local',
    '--address',
    stage.address,
    '--gateway-admin',
    stage.adminUrl,
  );
  await applyFleet(stage.client, parseFleet(config, 'bench.yaml'), { dryRun: false });
  try {
    const kinds = await Promise.all(
      KINDS.map(async (kind, i) => await measure(stage, kind, `http://127.0.0.1:${portsOf(i)[1]}`)),
    );
    report('detect', { runs: RUNS, intervalMs: T, fall: FALL, goalOfBound: 1.1, kinds });
  } finally {
    await stage.close();
  }
}

async function measure(stage: Stage, kind: Kind, controlUrl: string) {
  const load = kind.loaded ? startCallers(stage, kind) : null;
  const ms: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    await becomes(stage, kind.name, 'healthy');
    // Spread over the interval: a fault is worst right after a tick.
    await new Promise((resolve) => setTimeout(resolve, 1_000 + (T * run) / RUNS));
    const { startedAtMs } = await orderFault(controlUrl, { kind: kind.fault });
    const since = await becomes(stage, kind.name, kind.is);
    ms.push(since - startedAtMs);
    progress(`${kind.name}: ${since - startedAtMs} ms (bound ${kind.boundMs} ms)`);
    await clearFaults(controlUrl, null);
  }
  await load?.stop();
  const worst = Math.max(...ms);
  return {
    kind: kind.name,
    verdict: kind.is,
    boundMs: kind.boundMs,
    ms,
    worstOfBound: Math.round((100 * worst) / kind.boundMs) / 100,
  };
}

const startCallers = (stage: Stage, kind: Kind): LoadRun =>
  startLoad({
    url: stage.gatewayUrl,
    model: `s-${kind.name}`,
    requestsPerSecond: LOADED_PER_SECOND,
    maxTokens: 24,
    timeoutMs: 120_000,
  });

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
  }, 180_000);
  return since;
}

await main();
