/** Composition root of the control worker: workflows, and the activities that change things. */
import { fileURLToPath } from 'node:url';
import { getClient } from '@temporalio/activity';
import { Client } from '@temporalio/client';
import { type NativeConnection, Worker } from '@temporalio/worker';
import { lastLook } from '../activities/last-look.js';
import { createMutateActivities } from '../activities/mutate.js';
import { createNotifyActivities } from '../activities/notify.js';
import { createTellActivities } from '../activities/tell.js';
import { createReadActivities } from '../activities/read.js';
import type { ClientTls } from '../domain/admin-tls.js';
import type { ClusterSpec, Fleet } from '../domain/fleet.js';
import type { GenerationSeen } from '../domain/health/types.js';
import { openNotifiers } from '../notify/registry.js';
import { probeGeneration } from '../probes/generation.js';
import { probeIdentity } from '../probes/identity.js';
import { probeMetrics } from '../probes/metrics.js';
import { connectWorker } from '../temporal/connect.js';
import { openGateways } from '../traffic/gateway-replicas.js';
import { CONTROL_TASK_QUEUE } from '../workflows/ids.js';
import { tellFailing } from './tell-failing.js';

/** A completion for preflight, warm-up and padding: short, for it costs the cluster a slot. */
const COMPLETION_TOKENS = 2;
const COMPLETION_TIMEOUT_MS = 5_000;
const ASK_TIMEOUT_MS = 2_000;
/** A write is a local call; a layer that needs longer is asked again. */
const LAYER_TIMEOUT_MS = 3_000;

export interface ControlWorkerOptions {
  readonly fleet: Pick<Fleet, 'slack' | 'webhook'>;
  readonly address: string;
  readonly namespace: string;
  readonly gatewayAdminUrls: readonly string[];
  readonly adminToken: string | null;
  /** How this worker shows who it is to an admin API that asks for certificates. */
  readonly adminTls?: ClientTls | undefined;
  /** How often it looks for workflows whose task fails, ms. */
  readonly tellFailingEveryMs?: number;
  /** Compiled workflows; by default the bundle that the build made. */
  readonly workflowBundle?: string;
  /** Receives the log notifier's lines. */
  readonly write: (line: string) => void;
}

export interface RunningWorker {
  /** Resolves when the worker has shut down. */
  run(): Promise<void>;
  shutdown(): void;
}

const BUNDLE = fileURLToPath(new URL('../workflow-bundle.js', import.meta.url));

/** @throws CodedError `temporal-unreachable` */
export async function startControlWorker(options: ControlWorkerOptions): Promise<RunningWorker> {
  const layer = openGateways({
    adminUrls: options.gatewayAdminUrls,
    token: options.adminToken,
    tls: options.adminTls,
    timeoutMs: LAYER_TIMEOUT_MS,
  });
  const complete = async (cluster: ClusterSpec): Promise<GenerationSeen> =>
    await probeGeneration(cluster, { maxTokens: COMPLETION_TOKENS, timeoutMs: COMPLETION_TIMEOUT_MS });
  const connection = await connectWorker({ address: options.address, namespace: options.namespace });
  const worker = await Worker.create({
    connection,
    namespace: options.namespace,
    taskQueue: CONTROL_TASK_QUEUE,
    workflowBundle: { codePath: options.workflowBundle ?? BUNDLE },
    activities: {
      ...createReadActivities({
        layer,
        complete,
        lastLook: async (cluster) => await lastLook(getClient(), cluster),
        identify: async (cluster) => await probeIdentity(cluster, { timeoutMs: ASK_TIMEOUT_MS }),
      }),
      ...createTellActivities({ client: getClient }),
      ...createMutateActivities({
        layer,
        complete,
        engineRunning: async (cluster) =>
          (await probeMetrics(cluster, { timeoutMs: ASK_TIMEOUT_MS }))?.running ?? 'unknown',
      }),
      ...createNotifyActivities({ notifiers: openNotifiers(options.fleet, process.env, options.write) }),
    },
    // After a kill the next worker gets the workflow's tasks this soon; the default of 10 s would hold up a ramp.
    stickyQueueScheduleToStartTimeout: '2s',
    maxCachedWorkflows: 2_000,
    // One slot a service is taken for ever by its drift watch; moves must never wait behind those.
    maxConcurrentActivityTaskExecutions: 2_000,
    maxHeartbeatThrottleInterval: '1s',
    shutdownGraceTime: '2s',
  });
  return attended(worker, connection, options);
}

/** The worker, and beside it whoever tells of workflows that cannot go on. */
function attended(worker: Worker, connection: NativeConnection, options: ControlWorkerOptions): RunningWorker {
  const ending = new AbortController();
  const client = new Client({ connection, namespace: options.namespace });
  return {
    run: async () => {
      const telling = tellFailing({
        client,
        signal: ending.signal,
        write: options.write,
        everyMs: options.tellFailingEveryMs,
      });
      try {
        await worker.run();
      } finally {
        ending.abort();
        await telling;
        await connection.close();
      }
    },
    shutdown: () => {
      ending.abort();
      if (worker.getState() === 'RUNNING') worker.shutdown();
    },
  };
}
