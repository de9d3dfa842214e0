/** One watch of one cluster from one vantage, as an activity on that vantage's own queue. */
import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { VantageHealth } from '../domain/health/vantage.js';
import type { Vantage } from '../domain/words.js';
import { probeTaskQueue } from './ids.js';
import type { ClusterHealthOrder } from './messages.js';
import type { Watch, WatchResult } from './ports.js';

const MINUTE_MS = 60_000;
/** Rotation: often enough that new versions of a worker take over, spread so that watches do not rotate together. */
const ROTATE_MIN_MS = 30 * MINUTE_MS;
const ROTATE_SPREAD_MINUTES = 30;
/** A worker that is killed is missed after this long; five ticks, for one may be slow. */
const HEARTBEAT_MIN_MS = 10_000;
const HEARTBEAT_INTERVALS = 5;
/** Without a worker for this long the vantage has no vote; a restart takes less. */
const START_WITHIN_MS = 20_000;

/**
 * Resolves with another verdict, or after 30 to 60 minutes. TRY_CANCEL: whoever cancels does not wait for a heartbeat,
 * and a watcher that goes on for a moment only reads.
 * @throws ActivityFailure when no worker takes it in time
 */
export async function startWatch(
  order: ClusterHealthOrder,
  vantage: Vantage,
  health: VantageHealth | null,
): Promise<WatchResult> {
  const { spec, services } = order;
  const rotateAfterMs = rotationOf(spec.name);
  const { watchCluster } = proxyActivities<Watch>({
    taskQueue: probeTaskQueue(vantage),
    startToCloseTimeout: rotateAfterMs + 5 * MINUTE_MS,
    scheduleToStartTimeout: START_WITHIN_MS,
    heartbeatTimeout: Math.max(HEARTBEAT_MIN_MS, HEARTBEAT_INTERVALS * spec.health.intervalMs),
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    // Unlimited, and soon: the end of a worker is an ordinary event, and a pause is a blind spot.
    retry: { initialInterval: 200, backoffCoefficient: 1.5, maximumInterval: 2_000 },
  });
  return await watchCluster.executeWithOptions({ summary: `watch ${spec.name} from ${vantage}` }, [
    { cluster: spec, vantage, services, health, rotateAfterMs },
  ]);
}

/** By name, for chance is not replayed. */
function rotationOf(name: string): number {
  const sum = [...name].reduce((total, letter) => total + letter.charCodeAt(0), 0);
  return ROTATE_MIN_MS + (sum % ROTATE_SPREAD_MINUTES) * MINUTE_MS;
}
