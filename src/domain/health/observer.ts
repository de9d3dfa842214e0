/** A slow observer distrusts itself: what it did not see in time is no fault of a cluster. */
import type { ClusterSpec, HealthSettings } from '../fleet.js';
import type { SelfSeen, TickSeen } from './types.js';

/** Event-loop delay from which the watcher's own timeouts mean nothing, ms. */
export const LAG_MAX_MS = 200;
/** A tick may be late by half an interval; with short intervals by this much, which is the watcher's timer alone. */
const LATE_MIN_MS = 200;
/** Ticks further apart than this many intervals, half a second and the slowest check are a gap: nobody looked in between. */
const GAP_INTERVALS = 3;
const GAP_MIN_MS = 500;

/** The transport's word for a lack of the watcher's own: descriptors, local ports, memory. It says nothing of a cluster. */
export const OWN_EXHAUSTION = 'exhausted';

/** The sentence that says why what this tick has found cannot be trusted, or `null`. @replayed */
export function distrustTick({ self, http, generation }: TickSeen, settings: HealthSettings): string | null {
  const errors = [http, generation].map((seen) =>
    seen !== undefined && seen !== null && 'error' in seen ? seen.error : null,
  );
  if (errors.includes(OWN_EXHAUSTION)) return 'the watcher lacks descriptors, ports or memory of its own to ask with';
  return distrustSelf(self, settings);
}

/** The sentence that says why this tick cannot be trusted, or `null`. @replayed */
function distrustSelf(self: SelfSeen, settings: HealthSettings): string | null {
  if (self.control === false) return 'the control target does not answer either';
  if (self.lag > LAG_MAX_MS) return `the watcher is slow: event loop late by ${Math.round(self.lag)} ms`;
  const lateMs = self.late * 1000;
  if (lateMs > Math.max(settings.intervalMs / 2, LATE_MIN_MS)) return `the watcher is late by ${Math.round(lateMs)} ms`;
  return null;
}

/** @replayed */
export function isGap(lastTickAtMs: number | null, atMs: number, cluster: ClusterSpec): boolean {
  if (lastTickAtMs === null) return false;
  const beyondMs = atMs - lastTickAtMs - GAP_INTERVALS * cluster.health.intervalMs - GAP_MIN_MS;
  if (beyondMs <= 0) return false; // By far the most frequent case, and every tick comes here.
  const { http, gpu, memory, metrics, identity } = cluster.probes;
  const slowestMs = Math.max(...[http, gpu, memory, metrics, identity].map((check) => check?.timeoutMs ?? 0));
  return beyondMs > slowestMs;
}
