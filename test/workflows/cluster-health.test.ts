/** `clusterHealth` on a real Temporal server, with real probes against a real HTTP server. */
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client, Connection, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import {
  bundleWorkflowCode,
  DefaultLogger,
  NativeConnection,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { getClient } from '@temporalio/activity';
import { createTellActivities } from '../../src/activities/tell.js';
import { createWatchActivities } from '../../src/activities/watch.js';
import { readProbeCosts } from '../../src/control/probe-costs.js';
import type { ClusterSpec } from '../../src/domain/fleet.js';
import { UNKNOWN_COST } from '../../src/domain/health/probe-cost.js';
import type { Verdict } from '../../src/domain/words.js';
import { clusterHealthId, probeTaskQueue, serviceGuardId } from '../../src/workflows/ids.js';
import {
  clusterHealthQuery,
  clusterOrderQuery,
  configureClusterSignal,
  retireSignal,
  tellVerdictSignal,
  type ClusterHealthOrder,
  type ClusterVerdictMessage,
} from '../../src/workflows/messages.js';
import { startProbeWorker } from '../../src/workers/probe.js';
import { eventually } from '../kit/eventually.js';
import { ownNamespace } from '../kit/own-namespace.js';
import { ToyEngine } from '../probes/toy-engine.js';

let bundle: WorkflowBundleWithSourceMap;
let native: NativeConnection;
let connection: Connection;
let client: Client;
let engine: ToyEngine;
let namespace: string;
let taskQueue: string;
let vantage: string;
let service: string;
let control: { stop(): Promise<void> };
/** How often guards could not be told, and whether they can be. */
let telling: { refused: number; refuses: boolean };
const probers: { stop(): Promise<void> }[] = [];
const started: WorkflowHandle[] = [];

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const workflowsPath = fileURLToPath(new URL('./cluster-health-workflows.ts', import.meta.url));
  bundle = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
  native = await NativeConnection.connect({ address: inject('temporalAddress') });
  connection = await Connection.connect({ address: inject('temporalAddress') });
  namespace = await ownNamespace(inject('temporalAddress'));
  client = new Client({ connection, namespace });
});
afterAll(async () => {
  await connection.close();
  await native.close();
});
beforeEach(async () => {
  taskQueue = `health-${randomUUID()}`;
  vantage = `v-${randomUUID()}`;
  service = `chat-${randomUUID()}`;
  engine = await ToyEngine.start();
  telling = { refused: 0, refuses: false };
  const tell = createTellActivities({ client: getClient });
  control = running(
    await Worker.create({
      connection: native,
      namespace,
      taskQueue,
      workflowBundle: bundle,
      activities: {
        tellGuards: async (order: Parameters<typeof tell.tellGuards>[0]) => {
          if (!telling.refuses) return await tell.tellGuards(order);
          telling.refused += 1;
          throw new Error('the test lets no guard be told');
        },
      },
    }),
  );
});
afterEach(async () => {
  for (const handle of started.splice(0)) await handle.terminate('test over').catch(() => undefined);
  for (const prober of probers.splice(0)) await prober.stop();
  await control.stop();
  await engine.crash();
});

function running(worker: Worker): { stop(): Promise<void> } {
  const ended = worker.run();
  return {
    stop: async () => {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await ended;
    },
  };
}

async function startProber(at = vantage): Promise<{ stop(): Promise<void> }> {
  const activities = createWatchActivities({ trafficState: async () => await Promise.resolve(null) });
  const prober = running(
    await Worker.create({
      connection: native,
      namespace,
      taskQueue: probeTaskQueue(at),
      activities: { ...activities },
      maxHeartbeatThrottleInterval: '200ms',
    }),
  );
  probers.push(prober);
  return prober;
}

const spec = (change: Partial<ClusterSpec> = {}): ClusterSpec =>
  engine.cluster({
    name: `eu-${taskQueue}`,
    health: { intervalMs: 50, fall: 3, rise: 2, gray: { failures: 5, of: 10 } },
    ...change,
  });

async function start(change: Partial<ClusterHealthOrder> = {}): Promise<WorkflowHandle> {
  const order: ClusterHealthOrder = { spec: spec(), vantages: [vantage], services: [service], ...change };
  const handle = await client.workflow.start('clusterHealth', {
    taskQueue,
    workflowId: clusterHealthId(order.spec.name),
    args: [order],
  });
  started.push(handle);
  return handle;
}

async function startGuard(name = service): Promise<() => Promise<readonly ClusterVerdictMessage[]>> {
  const handle = await client.workflow.start('listeningGuard', { taskQueue, workflowId: serviceGuardId(name) });
  started.push(handle);
  return async () => await handle.query<readonly ClusterVerdictMessage[]>('heard');
}

const becomes = async (handle: WorkflowHandle, verdict: Verdict, withinMs = 20_000): Promise<void> =>
  await eventually(async () => (await handle.query(clusterHealthQuery)).diagnosis.verdict === verdict, withinMs);

const historyLength = async (handle: WorkflowHandle): Promise<number> => (await handle.describe()).historyLength;

test('fifty checks and more write not one event', async () => {
  await startProber();
  const handle = await start({ services: [] });
  await becomes(handle, 'healthy');
  const checks = (): number => engine.asked.get('/health') ?? 0;
  // The second watch, the one that gives no news, is under way as soon as ten checks went by without an event.
  let [events, asked] = [0, 0];
  await eventually(async () => {
    [events, asked] = [await historyLength(handle), checks()];
    await eventually(() => checks() >= asked + 10);
    return (await historyLength(handle)) === events;
  });
  await eventually(() => checks() >= asked + 70);
  expect(await historyLength(handle)).toBe(events);
});

test('a guard hears every change, with evidence; one that is missing harms nobody', async () => {
  const heard = await startGuard();
  await startProber();
  const handle = await start({ services: [service, `missing-${randomUUID()}`] });
  await becomes(handle, 'healthy');
  await engine.crash();
  await becomes(handle, 'dead');
  await eventually(async () => (await heard()).at(-1)?.diagnosis.verdict === 'dead');
  const messages = await heard();
  expect(messages.map((m) => m.diagnosis.verdict)).toEqual(['healthy', 'dead']);
  expect(messages.at(-1)?.cluster).toBe(spec().name);
  // A completion that was under way in this moment may have failed too.
  const evidence = messages.at(-1)?.diagnosis.evidence.filter(({ dimension }) => dimension !== 'generation');
  expect(evidence).toMatchObject([{ dimension: 'http', by: vantage }]);
  await engine.open();
  await becomes(handle, 'healthy');
});

test('the probe worker as it is deployed watches too, also while its gateway is away', async () => {
  const worker = await startProbeWorker({
    address: inject('temporalAddress'),
    namespace,
    vantage,
    gatewayAdminUrls: ['http://127.0.0.1:1'],
    adminToken: null,
    maxClusters: 10,
  });
  const ended = worker.run();
  probers.push({
    stop: async () => {
      worker.shutdown();
      await ended;
    },
  });
  const handle = await start();
  await becomes(handle, 'healthy');
  await engine.crash();
  await becomes(handle, 'dead');
});

test('a guard that begins later asks and is told', async () => {
  await startProber();
  const handle = await start({ services: [] });
  await becomes(handle, 'healthy');
  const heard = await startGuard();
  await handle.signal(tellVerdictSignal, { service });
  await eventually(async () => (await heard()).at(0)?.diagnosis.verdict === 'healthy');
});

test('the verdict can be searched for and read in the UI', async () => {
  await startProber();
  const handle = await start();
  await becomes(handle, 'healthy');
  const { typedSearchAttributes } = await handle.describe();
  const attributes = Object.fromEntries(typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]));
  expect(attributes).toMatchObject({
    UnderstudyCluster: spec().name,
    UnderstudyRegion: 'eu',
    UnderstudyState: 'healthy',
    UnderstudyKind: 'cluster',
  });
  const metadata = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
  expect(metadata.currentDetails).toContain('is healthy**');
});

test('a probe worker that goes is followed by another, which remembers', async () => {
  const first = await startProber();
  const handle = await start();
  await becomes(handle, 'healthy');
  await first.stop();
  await startProber();
  await engine.crash();
  await becomes(handle, 'dead');
});

test('a vantage without a worker has no vote, and its guards are told its name', async () => {
  const heard = await startGuard();
  const handle = await start({ vantages: [vantage, 'nobody-there'] });
  await startProber();
  await becomes(handle, 'healthy');
  await eventually(async () => (await heard()).at(-1)?.diagnosis.unwatchedFrom?.[0] === 'nobody-there', 60_000);
  await engine.crash();
  await becomes(handle, 'dead');
});

test('what its completions cost is read from outside; of a vantage without a worker it is not known', async () => {
  await startProber();
  const handle = await start({ vantages: [vantage, 'nobody-there'] });
  const { name, probes } = spec();
  const control = { client, address: inject('temporalAddress'), namespace, close: async () => {} };
  const cost = async () => (await readProbeCosts(control, [name, 'no-such'], Date.now()))[name];
  await eventually(async () => ((await cost())?.lastHour?.completions ?? 0) > 0, 30_000);
  expect(await cost()).toMatchObject({ usedUpFrom: [], unknownFrom: ['nobody-there'] });
  expect(await readProbeCosts(control, ['no-such'], Date.now())).toEqual({ 'no-such': UNKNOWN_COST });

  if (probes.generation === null) throw new Error('the toy engine is sent completions');
  const poor = { ...probes, generation: { ...probes.generation, budget: { perHour: 1 } } };
  await handle.signal(configureClusterSignal, { spec: spec({ probes: poor }), vantages: [vantage], services: [] });
  await eventually(async () => (await cost())?.usedUpFrom[0]?.vantage === vantage, 30_000);
  // A slow machine may have been in doubt of it once.
  expect((await cost())?.lastHour?.completions).toBeLessThanOrEqual(poor.generation.budget.perHour);

  const none = spec({ probes: { ...probes, generation: null } });
  await handle.signal(configureClusterSignal, { spec: none, vantages: [vantage], services: [] });
  await eventually(async () => (await cost()) === undefined, 30_000);
});

test('without any worker the verdict becomes unknown, and known again when one comes', async () => {
  const prober = await startProber();
  const handle = await start();
  await becomes(handle, 'healthy');
  await prober.stop();
  await becomes(handle, 'unknown', 60_000);
  await startProber();
  await becomes(handle, 'healthy', 40_000);
});

test('a new configuration watches with new settings; a wrong one is refused and changes nothing', async () => {
  await startProber();
  const handle = await start();
  await becomes(handle, 'healthy');
  await handle.signal('configure', { spec: 'nonsense' });
  await handle.signal('configure');
  await handle.signal('tell-verdict', 7);
  const next: ClusterHealthOrder = { spec: spec({ model: 'another' }), vantages: [vantage], services: [service] };
  await handle.signal(configureClusterSignal, next);
  await becomes(handle, 'degraded');
  expect(await handle.query(clusterOrderQuery)).toEqual(next);
});

test('guards that cannot be told hear it later, though the watch that found it has ended', async () => {
  const heard = await startGuard();
  await startProber();
  telling.refuses = true;
  const handle = await start();
  await eventually(() => telling.refused > 0);
  await handle.signal(configureClusterSignal, {
    spec: spec({ model: 'another' }),
    vantages: [vantage],
    services: [service],
  });
  await becomes(handle, 'degraded');
  telling.refuses = false;
  await eventually(async () => (await heard()).at(-1)?.diagnosis.verdict === 'degraded');
});

test('a long history continues as new, with verdict and memory', async () => {
  const heard = await startGuard();
  await startProber();
  const handle = await start();
  await becomes(handle, 'healthy');
  const { runId } = (await handle.describe()) as { runId: string };
  // The server suggests it early (test/kit/temporal-setup.ts); signals are the cheapest events, and guards are being told meanwhile.
  for (let sent = 0; sent < 500; sent += 50) {
    await Promise.all(Array.from({ length: 50 }, async () => await handle.signal(tellVerdictSignal, { service })));
  }
  await eventually(async () => (await handle.describe()).runId !== runId, 60_000);
  expect((await handle.query(clusterHealthQuery)).diagnosis.verdict).toBe('healthy');
  await engine.crash();
  await becomes(handle, 'dead');
  await eventually(async () => (await heard()).at(-1)?.diagnosis.verdict === 'dead');
});

test('who cancels it in the UI leaves no verdict behind that stands for ever', async () => {
  const heard = await startGuard();
  await startProber();
  const handle = await start();
  await becomes(handle, 'healthy');
  await eventually(async () => (await heard()).length > 0);
  await handle.cancel();
  await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
  expect((await heard()).at(-1)?.diagnosis).toMatchObject({
    verdict: 'unknown',
    evidence: [{ seen: 'its watch was cancelled in Temporal' }],
  });
  const history = await handle.fetchHistory();
  expect(history.events?.some((e) => Boolean(e.workflowTaskFailedEventAttributes))).toBe(false);
});

test('retired, it ends, and so does its watch', async () => {
  await startProber();
  const handle = await start();
  await becomes(handle, 'healthy');
  await handle.signal(retireSignal);
  expect(await handle.result()).toEqual({ kind: 'retired' });
  const asked = engine.asked.get('/health') ?? 0;
  await eventually(async () => {
    const before = engine.asked.get('/health') ?? 0;
    await new Promise((resolve) => setTimeout(resolve, 300));
    return (engine.asked.get('/health') ?? 0) === before;
  });
  expect(engine.asked.get('/health') ?? 0).toBeLessThan(asked + 400);
});
