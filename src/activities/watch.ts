/**
 * The port `Watch`: looks at a cluster again and again and returns when the verdict is another one, or when it is time
 * to rotate. A check costs no history event, and the memory of it travels in the heartbeat: a watcher that dies is
 * continued by another one where it stood.
 */
import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity';
import { isNews } from '../domain/health/news.js';
import { beginVantage, reportVantage, type VantageHealth } from '../domain/health/vantage.js';
import { UNKNOWN_DIAGNOSIS } from '../domain/words.js';
import { createWatcher } from '../probes/watcher.js';
import type { LookSources } from '../probes/look.js';
import type { Watch, WatchOrder, WatchResult } from '../workflows/ports.js';

export interface WatchDeps extends LookSources {
  /** Wall clock, ms. */
  readonly now?: () => number;
}

/** It only reads. Two of them may look at one cluster for a moment, after a partition: that does no harm. */
export function createWatchActivities({ now = Date.now, ...sources }: WatchDeps): Watch {
  return {
    watchCluster: async (order) => {
      const watcher = createWatcher({
        cluster: order.cluster,
        services: order.services,
        sources,
        now,
        signal: cancellationSignal(),
      });
      const endsAtMs = now() + order.rotateAfterMs;
      const known = order.health ?? UNKNOWN_DIAGNOSIS;
      let health = resume(order, now());
      try {
        while (!isNews(known, health) && now() < endsAtMs) {
          health = await watcher.step(health);
          heartbeat(health);
        }
        return resultOf(health, order, now());
      } finally {
        watcher.close();
      }
    },
  };
}

/** What the attempt before this one knew last; else what the order brings; else nothing. */
function resume(order: WatchOrder, atMs: number): VantageHealth {
  const { heartbeatDetails } = activityInfo();
  return isHealth(heartbeatDetails) ? heartbeatDetails : { ...beginVantage(atMs), ...order.health };
}

/** Our own words of an older version may lack a field; then the order's are taken. */
function isHealth(value: unknown): value is VantageHealth {
  if (typeof value !== 'object' || value === null) return false;
  return Object.keys(beginVantage(0)).every((key) => key in value);
}

function resultOf(health: VantageHealth, order: WatchOrder, atMs: number): WatchResult {
  return {
    why: isNews(order.health ?? UNKNOWN_DIAGNOSIS, health) ? 'verdict' : 'rotate',
    report: reportVantage(health, order.vantage, atMs),
    health,
  };
}
