/** What is counted, in the shapes of domain/traffic.ts: monotonic since the process began, under its identity. */
import { FIRST_TOKEN_BUCKETS_MS, type CallerCounters, type ClusterCounters } from '../../domain/traffic.js';
import type { LiveMeasure } from '../../domain/strategies.js';

type Writable<T> = { -readonly [K in keyof T]-?: T[K] extends readonly number[] ? number[] : T[K] };

export type ClusterTally = Writable<ClusterCounters>;
export type CallerTally = Writable<CallerCounters>;

/**
 * An attempt counts in `requests` when it begins and in at most one of `ok`, `client`, `quota`, `cluster`, `cut` when it
 * ends; in none when its caller left or it was sent elsewhere.
 */
export function clusterTally(process: string): ClusterTally {
  const firstToken = new Array<number>(FIRST_TOKEN_BUCKETS_MS.length + 1).fill(0);
  const ended = { ok: 0, client: 0, quota: 0, cluster: 0, cut: 0 };
  return { process, requests: 0, ...ended, spilled: 0, ejections: 0, firstToken, firstTokenMsSum: 0 };
}

/**
 * A request counts in `total` when it begins, in at most one of `ok`, `lost`, `cut`, `client`, `quota` when it ends; in the
 * others beside.
 */
export function callerTally(process: string): CallerTally {
  const ended = { ok: 0, lost: 0, cut: 0, client: 0, quota: 0 };
  return { process, total: 0, ...ended, continued: 0, retried: 0, queued: 0, shed: 0 };
}

export function countFirstToken(tally: ClusterTally, ms: number): void {
  let bucket = FIRST_TOKEN_BUCKETS_MS.findIndex((bound) => ms <= bound);
  if (bucket < 0) bucket = FIRST_TOKEN_BUCKETS_MS.length;
  tally.firstToken[bucket] = (tally.firstToken[bucket] ?? 0) + 1;
  tally.firstTokenMsSum += ms;
}

/** Half of the window over which live measures reach, ms. Short enough that a recovered cluster is believed soon. */
const HALF_WINDOW_MS = 15_000;

interface Half {
  answers: number;
  failures: number;
  latencySumMs: number;
}

const emptyHalf = (): Half => ({ answers: 0, failures: 0, latencySumMs: 0 });

/**
 * Latency and errors of the last 15 to 30 s. It forgets, so that a cluster whose weight fell to zero, and which therefore
 * is not measured any more, gets another chance.
 */
export class LiveWindow {
  #now = emptyHalf();
  #before = emptyHalf();
  #turnsAtMs = -Infinity;

  answered(latencyMs: number, nowMs: number): void {
    this.#turn(nowMs);
    this.#now.answers++;
    this.#now.latencySumMs += latencyMs;
  }

  failed(nowMs: number): void {
    this.#turn(nowMs);
    this.#now.failures++;
  }

  measure(nowMs: number): LiveMeasure | null {
    this.#turn(nowMs);
    const answers = this.#now.answers + this.#before.answers;
    const failures = this.#now.failures + this.#before.failures;
    if (answers + failures === 0) return null;
    const latencySumMs = this.#now.latencySumMs + this.#before.latencySumMs;
    return { avgLatencyMs: answers === 0 ? 0 : latencySumMs / answers, errorRate: failures / (answers + failures) };
  }

  #turn(nowMs: number): void {
    if (nowMs < this.#turnsAtMs) return;
    this.#before = nowMs < this.#turnsAtMs + HALF_WINDOW_MS ? this.#now : emptyHalf();
    this.#now = emptyHalf();
    this.#turnsAtMs = nowMs + HALF_WINDOW_MS;
  }
}
