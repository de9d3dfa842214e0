/** `identity`: which model the cluster serves. Asked even of clusters without that check, for a move's preflight. */
import { dialectOf } from '../engines/registry.js';
import type { ClusterSpec } from '../domain/fleet.js';
import { printable } from '../domain/printable.js';
import { askPage } from './ask-page.js';

const PATH_DEFAULT = '/v1/models';
/** A list of models, adapters included. */
const BYTES_MAX = 256 * 1024;

/** @returns the expected model's id where it is served, else the first one served; `null` when it is not known */
export async function probeIdentity(
  cluster: ClusterSpec,
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<string | null> {
  const place = { path: cluster.probes.identity?.path ?? PATH_DEFAULT, timeoutMs: options.timeoutMs };
  const page = await askPage(cluster, place, options.signal, BYTES_MAX);
  if (page === null || page === 'absent') return null;
  const model = dialectOf(cluster.engine).readModel(page, cluster.model);
  return model === null || model === cluster.model ? model : printable(model);
}
