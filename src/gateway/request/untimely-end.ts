/** What ends a request before its answer does: its caller leaves, its time is over, or the gateway's is. */
import type { ServerResponse } from 'node:http';
import { faults } from '../boundary.js';
import type { Listed, Roll } from '../roll.js';

export type UntimelyEnd = 'gone' | 'expired' | 'closing';

/** Why a begun answer ends there, though nothing is wrong with it and its caller is still there. */
export const CUT_BECAUSE = {
  expired: 'the time for one request is over',
  closing: 'this gateway is being stopped',
} as const satisfies Partial<Record<UntimelyEnd, string>>;

/** A request that runs. */
export interface Endable extends Listed {
  /** The gateway must close now. */
  end(): void;
}

export interface WatchOrder {
  readonly res: ServerResponse;
  /** Where a gateway that must close now finds the ends of all that run. */
  readonly running: Roll<Endable>;
  readonly totalMs: number;
}

/** Calls `leave` when one of them happens; what it returns ends the watch. */
export function watchForEnd({ res, running, totalMs }: WatchOrder, leave: (why: UntimelyEnd) => void): () => void {
  const total = setTimeout(() => faults.guard('timer', () => leave('expired')), totalMs);
  const gone = (): void => leave('gone');
  const endable = { place: 0, end: (): void => leave('closing') };
  res.once('close', gone);
  running.add(endable);
  if (res.destroyed) gone(); // it left before anybody listened, and nothing will say so again
  return () => {
    clearTimeout(total);
    res.off('close', gone);
    running.remove(endable);
  };
}
