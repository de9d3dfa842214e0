/** `memory`: the share of the cards' memory in use. A limit belongs to it only where the engine does not fill it on purpose. */
import { dialectOf } from '../engines/registry.js';
import type { ClusterSpec } from '../domain/fleet.js';
import type { TickSeen } from '../domain/health/types.js';
import { askPage } from './ask-page.js';
import { probeDcgm } from './dcgm.js';

/** @returns `null` for not known; `absent` when the endpoint does not exist */
export async function probeMemory(
  cluster: ClusterSpec,
  signal?: AbortSignal,
): Promise<NonNullable<TickSeen['memory']> | null | 'absent'> {
  const { memory } = cluster.probes;
  if (memory?.dcgm !== undefined)
    return (await probeDcgm({ source: memory.dcgm, timeoutMs: memory.timeoutMs, signal })).memory;
  const page = await askPage(cluster, memory, signal);
  return page === null || page === 'absent' ? page : dialectOf(cluster.engine).readMemory(page);
}
