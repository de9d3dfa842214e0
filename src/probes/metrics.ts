/** `progress` and load: the engine's own counters. A page that is missing, cut or nonsense is `null`, never zeros. */
import { dialectOf } from '../engines/registry.js';
import { PAGE_MAX } from '../engines/prometheus.js';
import type { ClusterSpec } from '../domain/fleet.js';
import type { MetricsSeen } from '../domain/health/types.js';
import { askPage } from './ask-page.js';

/** @param options `timeoutMs` overrides the cluster's own setting */
export async function probeMetrics(
  cluster: ClusterSpec,
  options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<MetricsSeen | null> {
  const { metrics } = cluster.probes;
  if (metrics === null) return null;
  const place = { path: metrics.path, timeoutMs: options.timeoutMs ?? metrics.timeoutMs };
  const page = await askPage(cluster, place, options.signal, PAGE_MAX);
  if (page === null || page === 'absent') return null;
  const signals = dialectOf(cluster.engine).readMetrics(page);
  return signals === null ? null : { age: 0, ...signals };
}
