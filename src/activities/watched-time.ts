/**
 * How long a step has been watched. Of a step that asks when it is undecided, time in which nobody looked does not count:
 * the worker, Temporal or the layer was away. Any other goes on at its deadline, whoever was away: nothing may make an
 * emergency longer.
 */
import { activityInfo } from '@temporalio/activity';

/** Between two looks; what is longer was no pause. */
const PAUSE_MS_MAX = 3_000;

interface Kept {
  readonly watchedMs: number;
}

export class WatchedTime {
  readonly #onlySeen: boolean;
  #watchedMs: number;
  #lastLookMs: number | null = null;

  /** Within an activity: what earlier attempts saw is taken from their heartbeats. */
  constructor(onlySeen: boolean) {
    this.#onlySeen = onlySeen;
    const kept = activityInfo().heartbeatDetails as Kept | undefined;
    this.#watchedMs = kept?.watchedMs ?? 0;
  }

  /** For the heartbeat, so that the next attempt goes on from here. */
  get kept(): Kept {
    return { watchedMs: this.#watchedMs };
  }

  /** The layer has just answered. @returns ms since the watch began */
  look(): number {
    const nowMs = performance.now();
    const sinceMs = this.#lastLookMs === null ? 0 : nowMs - this.#lastLookMs;
    this.#watchedMs += Math.min(sinceMs, PAUSE_MS_MAX);
    this.#lastLookMs = nowMs;
    return this.#onlySeen ? this.#watchedMs : Date.now() - activityInfo().scheduledTimestampMs;
  }
}
