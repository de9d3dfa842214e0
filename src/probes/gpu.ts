/** `gpu`: what the driver says of the cards, as a sidecar, the engine or DCGM publishes it. */
import { dialectOf } from '../engines/registry.js';
import type { ClusterSpec } from '../domain/fleet.js';
import type { TickSeen } from '../domain/health/types.js';
import { askPage } from './ask-page.js';
import { probeDcgm } from './dcgm.js';

/** @returns `null` for not known; `absent` when the endpoint does not exist, so that it need not be asked so often */
export async function probeGpu(
  cluster: ClusterSpec,
  signal?: AbortSignal,
): Promise<NonNullable<TickSeen['gpu']> | null | 'absent'> {
  const { gpu } = cluster.probes;
  if (gpu?.dcgm !== undefined) return (await probeDcgm({ source: gpu.dcgm, timeoutMs: gpu.timeoutMs, signal })).gpu;
  const page = await askPage(cluster, gpu, signal);
  return page === null || page === 'absent' ? page : dialectOf(cluster.engine).readGpu(page);
}
