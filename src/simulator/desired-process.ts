/** What the faults want of the serving process at a moment. Pure: time is an argument. */
import type { ActiveFault, FaultParams } from './faults.js';

export interface DesiredProcess {
  readonly up: boolean;
  readonly frozen: boolean;
  /** When the answer changes by itself, ms; `null` when it does not. */
  readonly changesAtMs: number | null;
}

export function desiredProcess(faults: readonly ActiveFault[], nowMs: number): DesiredProcess {
  let up = true;
  let frozen = false;
  const changes: number[] = [];
  for (const fault of faults) {
    if (fault.kind === 'crash') up = false;
    if (fault.kind === 'freeze') frozen = true;
    if (fault.kind === 'cold') {
      const { refusedMs, loading } = fault.params as FaultParams<'cold'>;
      const loadsAtMs = fault.startedAtMs + refusedMs;
      if (!loading || nowMs >= loadsAtMs) continue;
      up = false;
      changes.push(loadsAtMs);
    }
    if (fault.kind === 'flap') {
      const half = (fault.params as FaultParams<'flap'>).periodMs / 2;
      const halves = Math.floor((nowMs - fault.startedAtMs) / half);
      if (halves % 2 === 0) up = false;
      changes.push(fault.startedAtMs + (halves + 1) * half);
    }
  }
  return { up, frozen: up && frozen, changesAtMs: changes.length === 0 ? null : Math.min(...changes) };
}
