/** A real data plane, real (simulated) clusters and a real control worker, in one process, for tests of runbooks. */
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { startGateway, type RunningGateway } from '../../src/gateway/gateway.js';
import type { ClusterSpec, ServiceSpec } from '../../src/domain/fleet.js';
import { planMove, type PlanQuestion } from '../../src/domain/plan/plan-move.js';
import type { MoveInput, MovePlan } from '../../src/domain/plan/types.js';
import type { Verdict, Weights } from '../../src/domain/words.js';
import { createServingApp, type ServingApp } from '../../src/simulator/serving-app.js';
import { SETTINGS_DEFAULT } from '../../src/simulator/settings.js';
import { openGateway } from '../../src/traffic/gateway.js';
import type { TrafficLayer } from '../../src/traffic/traffic-layer.js';
import { clusterSpec, serviceSpec } from './fleet.js';
import { openLossyProxy, type LossyProxy } from './lossy-proxy.js';
import { startMortalWorker, type MortalWorker } from './mortal-worker.js';
import { ownNamespace } from './own-namespace.js';
import { mustReplay } from './whole-replay.js';

export const QUICK_MOVES: ServiceSpec['move'] = {
  emergency: [25, 100],
  degraded: [50, 100],
  planned: [25, 100],
  drainTimeoutMs: 5_000,
  stepDeadlineMs: 20_000,
  bakeMs: 100,
  slowFirstTokenMs: 5_000,
  cooldownMs: 500,
  approvalTimeoutMs: 20_000,
};

export interface Scene {
  readonly client: Client;
  /** Of this scene alone. */
  readonly namespace: string;
  readonly gateway: RunningGateway;
  readonly layer: TrafficLayer;
  /** The worker's wire to the gateway; the test's own `layer` goes around it. */
  readonly wire: LossyProxy;
  readonly worker: MortalWorker;
  /** Lines of the log notifier. */
  readonly told: string[];
  /** A fresh service with clusters of its own; the first one is the primary. */
  service(names: readonly string[], change?: Partial<ServiceSpec>): Promise<TestService>;
  /** Ends everything, and replays whole what ran. */
  close(): Promise<void>;
}

export interface TestService {
  readonly spec: ServiceSpec;
  readonly clusters: readonly ClusterSpec[];
  readonly apps: Readonly<Record<string, ServingApp>>;
  weights(): Promise<Weights>;
  /** A move's input, planned with these verdicts; every cluster is healthy unless told otherwise. */
  moveInput(
    change: Partial<PlanQuestion> & { readonly verdicts?: Record<string, Verdict> },
    plan?: Partial<MovePlan>,
  ): MoveInput;
}

export interface SceneOptions {
  readonly address: string;
  readonly workflowBundle: string;
  /** Admin URLs of further gateways that the worker writes to. */
  readonly alsoAt?: readonly string[];
}

export async function openScene({ address, workflowBundle, alsoAt = [] }: SceneOptions): Promise<Scene> {
  const namespace = await ownNamespace(address);
  const dataDir = mkdtempSync(join(tmpdir(), 'understudy-scene-'));
  const gateway = await startGateway({
    host: '127.0.0.1',
    port: 0,
    adminHost: '127.0.0.1',
    adminPort: 0,
    dataDir,
    adminToken: null,
    settings: {
      adminUrls: [],
      workers: 1,
      connectTimeoutMs: 500,
      firstByteTimeoutMs: 5_000,
      idleTimeoutMs: 5_000,
      totalTimeoutMs: 60_000,
      bodyBytesMax: 1 << 20,
      shutdown: { delayMs: 0, graceMs: 8_000 },
      conversations: { store: 'off', ttlMs: 60_000, bytesMax: 16 << 20, redisUrlEnv: 'UNDERSTUDY_REDIS_URL' },
    },
    definitions: [],
    clock: () => Date.now(),
    audit: () => undefined,
  });
  const wire = await openLossyProxy(() => gateway.adminUrl);
  const told: string[] = [];
  const worker = await startMortalWorker({
    fleet: { slack: null, webhook: null },
    address,
    namespace,
    gatewayAdminUrls: [wire.url, ...alsoAt],
    adminToken: null,
    workflowBundle,
    write: (line) => told.push(line),
  });
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace });
  const layer = openGateway({ adminUrl: gateway.adminUrl, token: null, timeoutMs: 5_000 });
  const apps: ServingApp[] = [];
  let services = 0;
  return {
    client,
    namespace,
    gateway,
    layer,
    wire,
    worker,
    told,
    service: async (names, change = {}) => {
      const service = await openService(`s${process.pid}-${Date.now().toString(36)}-${(services += 1)}`, names, change);
      apps.push(...Object.values(service.apps));
      await layer.define({
        service: service.spec.name,
        strategy: service.spec.strategy,
        members: service.clusters.map((c) => ({
          cluster: c.name,
          url: c.url,
          model: c.model,
          engine: c.engine,
          concurrency: c.capacity.concurrency,
        })),
        home: Object.fromEntries(names.map((name, i) => [name, i === 0 ? 100 : 0])),
      });
      return { ...service, weights: async () => (await layer.read(service.spec.name)).intended };
    },
    close: async () => {
      await worker.stop();
      try {
        await mustReplay(client, workflowBundle);
      } finally {
        await connection.close();
        for (const app of apps) app.close();
        await wire.close();
        await gateway.close(0);
        rmSync(dataDir, { recursive: true, force: true });
      }
    },
  };
}

async function openService(name: string, names: readonly string[], change: Partial<ServiceSpec>) {
  const apps: Record<string, ServingApp> = {};
  const clusters: ClusterSpec[] = [];
  for (const cluster of names) {
    const app = createServingApp({ ...SETTINGS_DEFAULT, name: cluster, model: 'm', tokensPerSecond: 500 });
    await new Promise<void>((resolve) => app.server.listen(0, '127.0.0.1', resolve));
    const { port } = app.server.address() as AddressInfo;
    apps[cluster] = app;
    clusters.push(clusterSpec(cluster, { url: `http://127.0.0.1:${port}` }));
  }
  const spec = serviceSpec({
    name,
    members: names.map((cluster, i) => ({ cluster, role: i === 0 ? 'primary' : 'standby' })),
    move: QUICK_MOVES,
    ...change,
  });
  const moveInput: TestService['moveInput'] = (question, plan = {}) => {
    const verdicts = { ...Object.fromEntries(names.map((n) => [n, 'healthy' as const])), ...question.verdicts };
    const intended = Object.fromEntries(names.map((n, i) => [n, i === 0 ? 100 : 0]));
    const byName = Object.fromEntries(clusters.map((c) => [c.name, c]));
    const answer = planMove({
      service: spec,
      clusters: byName,
      intended,
      kind: 'switchover',
      approval: 'none',
      ...question,
      verdicts,
    });
    if (!answer.ok) throw new Error(answer.message);
    return {
      plan: { ...answer.plan, ...plan },
      epoch: 1,
      attribution: { by: 'test', reason: 'a test', via: 'cli' },
      cause: 'a test',
      detectedAtMs: null,
      witness: 'callers',
      illBefore: [],
      targetProvenAtMs: null,
      clusters: byName,
      service: spec,
      down: Object.entries(verdicts).flatMap(([n, v]) => (v === 'dead' || v === 'stuck' ? [n] : [])),
    };
  };
  return { spec, clusters, apps, moveInput };
}
