/**
 * What the engine's own counters say: does it make steps while it has work, and is its queue longer than it can serve?
 * Tokens are no measure of progress: a long chunked prefill makes none for minutes and is well. Steps are.
 */
import type { ClusterSpec } from '../fleet.js';
import type { MetricsSeen } from './types.js';
import { failed, OK, UNKNOWN, type Outcome } from './hysteresis.js';

/** With work and without a step for this long, an engine is stuck (a step takes ms, a long prefill's chunk < 1 s). */
export const STUCK_AFTER_MS = 10_000;
/**
 * Ticks come within a tenth of an interval: a standstill that is measured so much shorter than it is was seen at its tick.
 * Without it a limit that is a whole number of intervals would be found an interval late, half of the time.
 */
const TICK_JITTER = 0.1;
/** A page older than this says nothing about now. */
const STALE_AFTER_S = 10;
/** A queue is long from this share of what the cluster serves at a time, and never below this many requests. */
const LONG_QUEUE_SHARE = 0.1;
const LONG_QUEUE_MIN = 4;
/** From here on the KV cache has no room for another request. */
const KV_FULL = 0.95;

export interface EngineSeen {
  /** The last known page; `null` when the last one was missing or stale. */
  readonly metrics: MetricsSeen | null;
  /** When there was last progress, or no work, or proof that answers come out; `null` when it is not known. */
  readonly progressAtMs: number | null;
  /** Steps were made between the last two pages; `null` is not known. */
  readonly flowing: boolean | null;
  /** The queue is long and moves: late answers are explained by it. */
  readonly crowded: boolean;
}

export const UNSEEN_ENGINE: EngineSeen = { metrics: null, progressAtMs: null, flowing: null, crowded: false };

export interface EngineJudgement {
  readonly engine: EngineSeen;
  readonly progress: Outcome;
  readonly load: Outcome;
}

/**
 * `answeredAtMs`: when a whole completion was last seen, by a probe or by real traffic. It outranks the counters: a page
 * that stands still while answers come out is a frozen page, not a stuck engine. @replayed
 */
export function judgeEngine(
  before: EngineSeen,
  metrics: MetricsSeen | null | undefined,
  cluster: ClusterSpec,
  now: { readonly atMs: number; readonly answeredAtMs: number | null },
): EngineJudgement {
  if (metrics === undefined) return { engine: before, progress: UNKNOWN, load: UNKNOWN };
  if (metrics === null || metrics.age > STALE_AFTER_S)
    return { engine: UNSEEN_ENGINE, progress: UNKNOWN, load: UNKNOWN };
  const flowing = hasStepped(before.metrics, metrics);
  const motion = judgeMotion(metrics, flowing);
  const known = motion === 'stands' ? (before.progressAtMs ?? now.atMs) : now.atMs;
  const progressAtMs = Math.max(known, now.answeredAtMs ?? 0);
  const crowded = flowing !== false && isQueueLong(metrics, cluster);
  return {
    engine: { metrics, progressAtMs, flowing, crowded },
    progress: judgeProgress(metrics, motion, now.atMs - progressAtMs + TICK_JITTER * cluster.health.intervalMs),
    load: judgeLoad(before.metrics, metrics, cluster, crowded),
  };
}

type Motion = 'moves' | 'stands' | 'unknown';

/** Running work without a step counter cannot be called stuck; work that only waits can. */
function judgeMotion(metrics: MetricsSeen, flowing: boolean | null): Motion {
  const { running, waiting, steps } = metrics;
  if (running === null && waiting === null) return 'unknown';
  if (flowing === true || ((running ?? 0) === 0 && (waiting ?? 0) === 0)) return 'moves';
  return steps === null && running !== 0 ? 'unknown' : 'stands';
}

function judgeProgress(metrics: MetricsSeen, motion: Motion, flatMs: number): Outcome {
  if (motion !== 'stands') return motion === 'moves' ? OK : UNKNOWN;
  if (flatMs < STUCK_AFTER_MS) return UNKNOWN;
  return failed(describeStandstill(metrics, flatMs), `a step within ${STUCK_AFTER_MS / 1000} s`);
}

/** Another number, a smaller one too (a restart), is progress. */
function hasStepped(before: MetricsSeen | null, now: MetricsSeen): boolean | null {
  if (before === null || before.steps === null || now.steps === null) return null;
  return now.steps !== before.steps;
}

function isQueueLong(metrics: MetricsSeen, cluster: ClusterSpec): boolean {
  if (metrics.waiting === null || metrics.running === 0) return false;
  return metrics.waiting >= Math.max(LONG_QUEUE_MIN, LONG_QUEUE_SHARE * cluster.capacity.concurrency);
}

/** Overload is a long queue together with a sign that the engine has no room: a queue alone may be one burst. */
function judgeLoad(before: MetricsSeen | null, now: MetricsSeen, cluster: ClusterSpec, crowded: boolean): Outcome {
  if (now.waiting === null) return UNKNOWN;
  const preempting = hasPreempted(before, now);
  if (!crowded || !(preempting || isFull(now, cluster))) return OK;
  const sign = preempting ? 'requests are preempted' : 'no room for more';
  return failed(`${now.waiting} waiting, ${now.running ?? 'unknown'} running, ${sign}`, 'a queue that empties');
}

function hasPreempted(before: MetricsSeen | null, now: MetricsSeen): boolean {
  return typeof before?.preemptions === 'number' && now.preemptions !== null && now.preemptions > before.preemptions;
}

function isFull(now: MetricsSeen, cluster: ClusterSpec): boolean {
  return (now.kv ?? 0) >= KV_FULL || (now.running ?? 0) >= cluster.capacity.concurrency;
}

function describeStandstill(metrics: MetricsSeen, flatMs: number): string {
  return `running ${metrics.running ?? 'unknown'}, waiting ${metrics.waiting ?? 'unknown'}, no engine step for ${Math.round(flatMs / 1000)} s`;
}
