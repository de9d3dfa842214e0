/** Composition root of a probe worker: watch activities of one vantage, nothing that changes anything. */
import { Worker } from '@temporalio/worker';
import { createWatchActivities } from '../activities/watch.js';
import type { ClientTls } from '../domain/admin-tls.js';
import { connectWorker } from '../temporal/connect.js';
import { probeFrom } from '../probes/ask.js';
import { shareTraffic } from '../probes/shared-traffic.js';
import { openGateways } from '../traffic/gateway-replicas.js';
import type { Vantage } from '../domain/words.js';
import { probeTaskQueue } from '../workflows/ids.js';

export interface ProbeWorkerOptions {
  /** host:port of Temporal. */
  readonly address: string;
  readonly namespace: string;
  readonly vantage: Vantage;
  /** Admin base URLs of the gateways that real traffic passes. */
  readonly gatewayAdminUrls: readonly string[];
  readonly adminToken: string | null;
  /** How this worker shows who it is to an admin API that asks for certificates. */
  readonly adminTls?: ClientTls | undefined;
  /** Watches at a time: each occupies a slot for its whole life. */
  readonly maxClusters: number;
}

export interface RunningProbeWorker {
  /** Resolves when the worker has shut down. */
  run(): Promise<void>;
  shutdown(): void;
}

const CONNECT_WITHIN_MS = 30_000;
/** What real traffic saw is asked every tick; a gateway that is slow to tell leaves it unknown. */
export const TRAFFIC_TIMEOUT_MS = 1_000;
/** Room for watches that are being replaced while the old ones end. */
const SPARE_SLOTS = 10;

/** @throws CodedError `temporal-unreachable` */
export async function startProbeWorker(options: ProbeWorkerOptions): Promise<RunningProbeWorker> {
  const { address, namespace, vantage } = options;
  probeFrom(vantage);
  const layer = openGateways({
    adminUrls: options.gatewayAdminUrls,
    token: options.adminToken,
    tls: options.adminTls,
    timeoutMs: TRAFFIC_TIMEOUT_MS,
  });
  const connection = await connectWorker({ address, namespace, deadlineMs: CONNECT_WITHIN_MS });
  const worker = await Worker.create({
    connection,
    namespace,
    taskQueue: probeTaskQueue(vantage),
    activities: createWatchActivities({ trafficState: shareTraffic(async (service) => await layer.read(service)) }),
    maxConcurrentActivityTaskExecutions: options.maxClusters + SPARE_SLOTS,
    // How soon a watch hears of its cancellation, and how much memory a crash may cost.
    maxHeartbeatThrottleInterval: '2s',
    shutdownGraceTime: '1s',
  });
  return {
    run: async () => {
      try {
        await worker.run();
      } finally {
        await connection.close();
      }
    },
    shutdown: () => {
      if (worker.getState() === 'RUNNING') worker.shutdown(); // Temporal's own ear for signals may have been faster
    },
  };
}
