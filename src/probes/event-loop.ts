/** The watcher's own pulse: how late its event loop was in the last second or two. One meter a process. */
import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';

const RESOLUTION_MS = 10;
const WINDOW_MS = 1_000;
const NS_PER_MS = 1e6;

let histogram: IntervalHistogram | null = null;
let windowEndsAt = 0;
let lastWindowMs = 0;

/** 99th percentile of the delay, ms, of the running window or the one before, whichever is worse. */
export function eventLoopLagMs(): number {
  if (histogram === null) {
    histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    histogram.enable();
    windowEndsAt = performance.now() + WINDOW_MS;
    return 0;
  }
  const current = histogram.count === 0 ? 0 : Math.max(0, histogram.percentile(99) / NS_PER_MS - RESOLUTION_MS);
  const worst = Math.max(current, lastWindowMs);
  if (performance.now() >= windowEndsAt) {
    lastWindowMs = current;
    histogram.reset();
    windowEndsAt = performance.now() + WINDOW_MS;
  }
  return worst;
}
