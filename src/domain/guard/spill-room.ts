/** May this cluster take (more of) what spills over? Asked with fresh facts, just before the layer is told. */
import { COLD_FACTOR, judgePreflight, ROOM_SHARE, type PreflightFacts } from '../plan/judge-preflight.js';
import type { SpillOrder } from './commands.js';

/** One sentence when it may not; else `null`. @replayed */
export function judgeSpillRoom(facts: PreflightFacts, { from, to, sharePct, prove }: SpillOrder): string | null {
  const plan = { from: [from], to, kind: 'failover', profile: 'degraded', alternatives: [] } as const;
  const sight = { witness: 'callers', members: [], illBefore: [] } as const;
  const { blockers } = judgePreflight(facts, { ...plan, start: facts.layer.intended }, sight);
  if (blockers.length > 0) return blockers.join('; ');
  const running = facts.layer.clusters[to]?.inFlight ?? 'unknown';
  const source = facts.layer.clusters[from]?.inFlight ?? 'unknown';
  if (running === 'unknown' || source === 'unknown') return `whether ${to} has room is not known`;
  const more = Math.ceil((source * (sharePct - (prove?.heldPct ?? 0))) / 100);
  if (running + more * COLD_FACTOR <= ROOM_SHARE * facts.capacity) return null;
  // Without the counts: they change, and the same reason is written down once.
  return `${to} has no room: ${ROOM_SHARE * 100} % of the ${facts.capacity} requests that it can run is the most`;
}
