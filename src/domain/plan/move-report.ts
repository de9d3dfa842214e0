/** What a move cost its callers, by the data plane's own counts. A count that cannot be trusted is `null`, never 0. */
import type { MoveReport } from '../move-record.js';
import type { TrafficState } from '../traffic.js';

export interface MoveTimes {
  readonly detectedAtMs: number | null;
  readonly firstShiftAtMs: number | null;
  readonly shiftedAtMs: number | null;
  readonly recoveredAtMs: number | null;
}

const isoOrNull = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

/** @replayed */
export function reportOf(
  times: MoveTimes,
  from: readonly string[],
  before: TrafficState | null,
  after: TrafficState | null,
): MoveReport {
  return {
    faultAt: isoOrNull(times.detectedAtMs === null ? null : faultAtMs(from, before)),
    detectedAt: isoOrNull(times.detectedAtMs),
    firstShiftAt: isoOrNull(times.firstShiftAtMs),
    shiftedAt: isoOrNull(times.shiftedAtMs),
    recoveredAt: isoOrNull(times.recoveredAtMs),
    requests: requestsBetween(before, after),
  };
}

function faultAtMs(from: readonly string[], before: TrafficState | null): number | null {
  const times = from.map((name) => before?.clusters[name]?.failingSinceMs ?? null).filter((at) => at !== null);
  return times.length === 0 ? null : Math.min(...times);
}

function requestsBetween(before: TrafficState | null, after: TrafficState | null): MoveReport['requests'] {
  const a = before?.callers ?? 'unknown';
  const b = after?.callers ?? 'unknown';
  if (a === 'unknown' || b === 'unknown' || a.process !== b.process) return null;
  const ended = { ok: b.ok - a.ok, lost: b.lost - a.lost, cut: b.cut - a.cut };
  const refused = b.client - a.client + (b.quota - a.quota);
  return {
    // Requests that ended while the move ran, whenever they began.
    total: ended.ok + ended.lost + ended.cut + refused,
    ...ended,
    continued: b.continued - a.continued,
    retried: b.retried - a.retried,
  };
}
