/** `http`: does the health endpoint answer 200 in time? It never proves health alone. */
import { dialectOf } from '../engines/registry.js';
import type { ClusterSpec } from '../domain/fleet.js';
import type { HttpSeen } from '../domain/health/types.js';
import { printable } from '../domain/printable.js';
import { ask } from './ask.js';
import { keyHeaders, urlOf } from './cluster-url.js';

/** As much of a body as is worth keeping as evidence. */
const BODY_KEPT = 120;

/** @returns `null` when the cluster has no such check */
export async function probeHttp(
  cluster: ClusterSpec,
  options: { readonly fresh?: boolean; readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<HttpSeen | null> {
  const { http } = cluster.probes;
  if (http === null) return null;
  const url = urlOf(cluster, http.path);
  const answer = await ask({ url, timeoutMs: http.timeoutMs, headers: keyHeaders(cluster), ...options });
  const mark = options.fresh === true ? { fresh: true } : {};
  if ('error' in answer) return { error: answer.error, ms: answer.ms, ...mark };
  const body = answer.status === 200 ? {} : { body: printable(answer.body, BODY_KEPT) };
  const says = dialectOf(cluster.engine).statusMeans[answer.status];
  return { status: answer.status, ms: answer.ms, ...body, ...(says === undefined ? {} : { says }), ...mark };
}
