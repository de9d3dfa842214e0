/**
 * The workflow's own clock, and the only place that may ask for the time. It is the time at which the workflow task
 * started, or the due time of the last wait that ran out, if that is later: a wait that ended is over, whatever the clock
 * says. So an end that was waited for is never waited for again.
 */
import { condition } from '@temporalio/workflow';

/** A workflow has the modules of its bundle to itself: this is its own, and a replay computes it anew. */
let waitedForMs = 0;

// eslint-disable-next-line no-restricted-properties -- inside a workflow, Date is Temporal's deterministic clock.
export const nowMs = (): number => Math.max(Date.now(), waitedForMs);

export const iso = (ms: number): string => new Date(ms).toISOString();

/** Waits for news, until `dueMs` at most. False: none came, and from now on it is at least `dueMs`. */
export async function newsBefore(dueMs: number, news: () => boolean, summary: string): Promise<boolean> {
  const leftMs = Math.max(1, dueMs - nowMs());
  if (await condition(news, leftMs, { summary })) return true;
  waitedForMs = Math.max(waitedForMs, dueMs);
  return false;
}
