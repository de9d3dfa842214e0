/** The watcher against a simulated cluster in a process of its own: each fault by its right name, and what is none stays healthy. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ClusterSpec } from '../../src/domain/fleet.js';
import { probeDefaults } from '../../src/domain/health/probe-defaults.js';
import { beginVantage, type VantageHealth } from '../../src/domain/health/vantage.js';
import type { Verdict } from '../../src/domain/words.js';
import { probeFrom } from '../../src/probes/ask.js';
import { createWatcher, type Watcher } from '../../src/probes/watcher.js';
import { runSimulatedCluster, type SimulatedCluster } from '../../src/simulator/cluster.js';
import type { Fault } from '../../src/simulator/faults.js';
import { serveEntry } from '../kit/compiled.js';

const INTERVAL_MS = 250;
const WAIT_MAX_MS = 15_000;

let simulated: SimulatedCluster;
let watcher: Watcher;
let health: VantageHealth;

beforeAll(async () => {
  probeFrom('here');
  simulated = await runSimulatedCluster({ name: 'eu-a', tokensPerSecond: 200, serveEntry: serveEntry() });
  const probes = probeDefaults('vllm');
  const cluster: ClusterSpec = {
    name: 'eu-a',
    url: simulated.url,
    region: 'eu',
    engine: 'vllm',
    model: 'llama-3.1-70b',
    capacity: { concurrency: 64 },
    // As by default, only faster: a hang should not take a test's patience.
    probes: {
      ...probes,
      http: { path: '/health', timeoutMs: 500 },
      generation: { timeoutMs: 700, everyMs: 500, maxTokens: 16 },
    },
    health: { intervalMs: INTERVAL_MS, fall: 3, rise: 3, gray: { failures: 5, of: 10 } },
  };
  health = beginVantage(Date.now());
  const sources = { trafficState: async () => await Promise.resolve(null) };
  const signal = new AbortController().signal;
  watcher = createWatcher({ cluster, services: [], sources, signal, now: Date.now });
  await until('healthy');
});
afterEach(async () => {
  await simulated.clearFaults(null);
  await until('healthy');
});
afterAll(async () => {
  watcher.close();
  await simulated.close();
});

/** @returns the verdicts on the way, the last one included */
async function until(verdict: Verdict): Promise<readonly Verdict[]> {
  const seen: Verdict[] = [];
  for (const deadline = Date.now() + WAIT_MAX_MS; health.verdict !== verdict;) {
    if (Date.now() > deadline)
      throw new Error(`not ${verdict} but ${health.verdict}: ${JSON.stringify(health.evidence)}`);
    health = await watcher.step(health);
    if (health.verdict !== seen.at(-1)) seen.push(health.verdict);
  }
  return seen;
}

const put = async (kind: Fault['kind'], params: object = {}): Promise<void> =>
  void (await simulated.putFault({ kind, params } as Fault, null));

test.each<[Fault['kind'], object, Verdict]>([
  ['crash', {}, 'dead'],
  ['freeze', {}, 'dead'],
  ['hang', {}, 'stuck'],
  ['decode-stall', {}, 'stuck'],
  ['errors', { share: 1, as: 'status', status: 500 }, 'degraded'],
  ['garbage', { share: 1 }, 'degraded'],
  ['wrong-model', { model: '' }, 'degraded'],
  ['gpu-lost', {}, 'degraded'],
  // Nobody calls here who could contradict it.
  ['probes-cut', { vantage: '' }, 'dead'],
  ['probes-cut', { vantage: 'here' }, 'dead'],
])('%s %j is %s at once', async (kind, params, verdict) => {
  await put(kind, params);
  expect((await until(verdict)).filter((v) => v !== 'healthy')).toEqual([verdict]);
});

test.each<[Fault['kind'], object]>([
  ['stale-metrics', {}],
  ['metrics-gone', {}],
  ['quota', { share: 1, retryAfterS: 1 }],
  ['probes-cut', { vantage: 'there' }],
])('%s %j is no fault of the cluster', async (kind, params) => {
  await put(kind, params);
  for (let step = 0; step < 20; step++) {
    health = await watcher.step(health);
    expect(health.verdict).toBe('healthy');
  }
});

test('probes that are cut off get no answer, callers do', async () => {
  await put('probes-cut', { vantage: '' });
  expect((await fetch(new URL('/health', simulated.url))).status).toBe(200);
  await until('dead');
});
