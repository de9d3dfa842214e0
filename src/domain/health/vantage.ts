/**
 * One vantage's memory of one cluster, fed tick by tick:
 *
 *   tick -> trusted? -> an outcome per dimension (judge-tick, engine-load) -> hysteresis -> verdict (diagnose)
 *
 * The state is plain JSON: it travels in heartbeats, so a watcher that dies leaves nothing behind but time.
 */
import type { ClusterSpec } from '../fleet.js';
import { DIMENSIONS, type Dimension, type Evidence, type Vantage, type Verdict } from '../words.js';
import { diagnose } from './diagnose.js';
import { judgeEngine, UNSEEN_ENGINE, type EngineSeen } from './engine-load.js';
import {
  atOnce,
  countOutcome,
  forgetDoubt,
  FRESH_DIMENSION,
  type DimensionHealth,
  type Outcome,
} from './hysteresis.js';
import * as judge from './judge-tick.js';
import { distrustTick, isGap } from './observer.js';
import { costOf, payCompletion, UNSPENT, type ProbeSpending } from './probe-budget.js';
import type { TickSeen, VantageReport } from './types.js';
import { isInDoubt, mayAsk, wantsGeneration } from './wants.js';

export type Dimensions = Readonly<Record<Dimension, DimensionHealth>>;

/** What real traffic did since the probes began to doubt: the witness that can contradict them. */
export interface CallersSeen {
  /** Last success of a real request in a tick after the doubt began, ms. */
  readonly servedAtMs: number | null;
  /** Real requests of the last tick that had any: nearly all failed. */
  readonly allFail: boolean;
  /** The last known 95th percentile of the time to first token broke the latency limit. */
  readonly slow: boolean;
}

export interface VantageHealth {
  readonly verdict: Verdict;
  /** When the verdict was reached, ms. */
  readonly sinceMs: number;
  readonly evidence: readonly Evidence[];
  readonly dimensions: Dimensions;
  /** The queue, with the same hysteresis as a dimension; it never makes a cluster bad, only `overloaded`. */
  readonly load: DimensionHealth;
  readonly engine: EngineSeen;
  readonly callers: CallersSeen;
  /** The engine says that its model is not loaded yet. */
  readonly loading: boolean;
  /** A generation that failed last did so by standing still. */
  readonly hangs: boolean;
  /** Successes since the last failure of any dimension: of completions where the cluster has that probe, else of ticks. */
  readonly good: number;
  readonly lastTickAtMs: number | null;
  /** Last generation result of any kind, and the last success, ms. */
  readonly lastGenerationAtMs: number | null;
  readonly lastGenerationOkAtMs: number | null;
  /** Last success of real traffic, ms. */
  readonly lastCallerOkAtMs: number | null;
  /** What completions of our own have cost, and may cost. */
  readonly spending: ProbeSpending;
  /** Why verdicts are suspended; `null` when the watcher trusts itself. */
  readonly suspended: string | null;
}

const EVERY_DIMENSION_FRESH = Object.fromEntries(DIMENSIONS.map((d) => [d, FRESH_DIMENSION])) as Record<
  Dimension,
  DimensionHealth
>;

/** A cluster of which nothing is known. @replayed */
export function beginVantage(atMs: number): VantageHealth {
  return {
    verdict: 'unknown',
    sinceMs: atMs,
    evidence: [],
    dimensions: EVERY_DIMENSION_FRESH,
    load: FRESH_DIMENSION,
    engine: UNSEEN_ENGINE,
    callers: { servedAtMs: null, allFail: false, slow: false },
    loading: false,
    hangs: false,
    good: 0,
    lastTickAtMs: null,
    lastGenerationAtMs: null,
    lastGenerationOkAtMs: null,
    lastCallerOkAtMs: null,
    spending: UNSPENT,
    suspended: null,
  };
}

/**
 * One more tick. A tick of a sick observer changes nothing but `suspended`; after a gap unconfirmed doubt is forgotten,
 * confirmed trouble is not. @replayed
 */
export function observe(before: VantageHealth, tick: TickSeen, cluster: ClusterSpec): VantageHealth {
  const suspended = distrustTick(tick, cluster.health);
  if (suspended !== null) return { ...before, suspended, spending: spend(before, tick, cluster) };
  const known = isGap(before.lastTickAtMs, tick.atMs, cluster) ? afterGap(before) : before;
  const seen = lookAt(known, tick, cluster);
  const next = diagnose(seen, tick.atMs, cluster);
  if (next.verdict === seen.verdict && next.evidence === seen.evidence) return noteHeld(seen, cluster, tick.atMs);
  const sinceMs = next.verdict === before.verdict ? before.sinceMs : tick.atMs;
  return noteHeld({ ...seen, ...next, sinceMs }, cluster, tick.atMs);
}

/** A completion that came back was paid for, whatever its news are worth. */
function spend(before: VantageHealth, { generation, atMs }: TickSeen, cluster: ClusterSpec): ProbeSpending {
  const cost = generation === undefined || generation === null ? null : costOf(generation, cluster);
  if (cost === null) return before.spending;
  return payCompletion(before.spending, cost, cluster, { atMs, doubt: isInDoubt(before, cluster, atMs) });
}

/** `generation` is unknown from here on while the budget is used up: that is said, and is no failure. */
function noteHeld(health: VantageHealth, cluster: ClusterSpec, atMs: number): VantageHealth {
  const { spending } = health;
  const isHeld = !mayAsk(health, cluster, { atMs, running: 0 }) && wantsGeneration(health, cluster, atMs);
  if (isHeld === (spending.heldSinceMs !== null)) return health;
  return { ...health, spending: { ...spending, heldSinceMs: isHeld ? atMs : null } };
}

function afterGap(before: VantageHealth): VantageHealth {
  const dimensions = Object.fromEntries(DIMENSIONS.map((d) => [d, forgetDoubt(before.dimensions[d])])) as Record<
    Dimension,
    DimensionHealth
  >;
  return { ...before, dimensions, load: forgetDoubt(before.load), engine: UNSEEN_ENGINE, good: 0 };
}

function lookAt(before: VantageHealth, tick: TickSeen, cluster: ClusterSpec): VantageHealth {
  const { atMs } = tick;
  const doubted = isAnswerDoubted(before.dimensions);
  const answer = whenAnswered(before, tick);
  const { engine, progress, load } = judgeEngine(before.engine, tick.metrics, cluster, {
    atMs,
    answeredAtMs: answer.latestAtMs,
  });
  const outcomes: Record<Dimension, Outcome> = {
    http: judge.judgeHttp(tick.http),
    gpu: judge.judgeGpu(tick),
    memory: judge.judgeMemory(tick, cluster),
    latency: judge.judgeLatency(tick, cluster, {
      page: engine.metrics,
      wasSlow: judge.wasTokenSlow(before.dimensions.latency),
    }),
    progress,
    generation: judge.judgeGeneration(tick.generation, { crowded: engine.crowded, silent: isSilent(before, tick) }),
    identity: judge.judgeIdentity(tick, cluster),
    passive: judge.judgePassive(tick.passive),
  };
  const callers = watchCallers(before.callers, tick, cluster, doubted);
  const dimensions = countAll(before, tick, outcomes, cluster);
  const good = countGood(before.good, outcomes, cluster);
  return {
    verdict: before.verdict,
    sinceMs: before.sinceMs,
    evidence: before.evidence,
    dimensions: releaseSilent(dimensions, outcomes, good >= cluster.health.rise),
    load: countOutcome(before.load, load, cluster.health, atMs),
    engine,
    callers,
    loading: tick.http === undefined || tick.http === null ? before.loading : judge.isLoading(tick.http),
    hangs:
      tick.generation === undefined || tick.generation === null ? before.hangs : judge.isHang(tick.generation.error),
    good,
    lastTickAtMs: atMs,
    lastGenerationAtMs: tick.generation === undefined || tick.generation === null ? before.lastGenerationAtMs : atMs,
    lastGenerationOkAtMs: answer.generationAtMs,
    lastCallerOkAtMs: answer.callerAtMs,
    spending: spend(before, tick, cluster),
    suspended: null,
  };
}

/** A completion that ends between two ticks is judged by the last one. */
function isSilent({ dimensions }: VantageHealth, { http }: TickSeen): boolean {
  if (http !== undefined && http !== null) return judge.isSilence(http);
  return dimensions.http.failures > 0 && judge.wasSilence(dimensions.http.seen);
}

function countAll(
  before: VantageHealth,
  tick: TickSeen,
  outcomes: Readonly<Record<Dimension, Outcome>>,
  cluster: ClusterSpec,
): Dimensions {
  let changed: Record<Dimension, DimensionHealth> | null = null;
  const change = (dimension: Dimension, next: DimensionHealth): void => {
    // Copied only when there is something to change: nearly every tick says that all is as it was.
    if (next !== (changed ?? before.dimensions)[dimension]) (changed ??= { ...before.dimensions })[dimension] = next;
  };
  for (const dimension of DIMENSIONS) {
    const outcome = outcomes[dimension];
    if (outcome.kind === 'unknown') continue;
    const settings = dimension === 'progress' ? atOnce(cluster.health) : cluster.health;
    change(dimension, countOutcome(before.dimensions[dimension], outcome, settings, tick.atMs));
  }
  const dimensions = changed ?? before.dimensions;
  change('http', confirmByCallers(before.dimensions.http, dimensions.http, tick, cluster));
  return changed ?? dimensions;
}

/**
 * Nobody listens, and every real request of the same tick failed too: two witnesses of one moment. The second one counts
 * as one more refusal, so that the third comes an interval earlier. Only for refusals: a blip refuses nothing.
 */
function confirmByCallers(
  before: DimensionHealth,
  http: DimensionHealth,
  tick: TickSeen,
  cluster: ClusterSpec,
): DimensionHealth {
  const refused = judge.isRefused(tick.http?.error) && http.failures > 0 && before.failing === null;
  if (!refused || !didAllFail(tick)) return http;
  return countOutcome(http, { kind: 'failed', seen: 'connection refused, to callers too' }, cluster.health, tick.atMs);
}

function didAllFail(tick: TickSeen): boolean {
  if (tick.passive === undefined || tick.passive === null) return false;
  const { counted, bad } = judge.countCallers(tick.passive);
  return counted > 0 && bad === counted;
}

/**
 * Signals that fall silent, as those of callers do when traffic leaves, cannot clear themselves: completions clear them.
 * Not `http` and `generation`, which are asked for as long as there is doubt.
 */
function releaseSilent(
  dimensions: Dimensions,
  outcomes: Readonly<Record<Dimension, Outcome>>,
  risen: boolean,
): Dimensions {
  if (!risen) return dimensions;
  const silent = DIMENSIONS.filter(
    (d) => d !== 'http' && d !== 'generation' && outcomes[d].kind === 'unknown' && dimensions[d].failing !== null,
  );
  if (silent.length === 0) return dimensions;
  return { ...dimensions, ...Object.fromEntries(silent.map((d) => [d, FRESH_DIMENSION])) };
}

function countGood(before: number, outcomes: Readonly<Record<Dimension, Outcome>>, cluster: ClusterSpec): number {
  if (DIMENSIONS.some((d) => outcomes[d].kind === 'failed')) return 0;
  const proof =
    cluster.probes.generation === null
      ? DIMENSIONS.some((d) => outcomes[d].kind === 'ok')
      : outcomes.generation.kind === 'ok';
  return proof ? before + 1 : before;
}

interface Answers {
  readonly generationAtMs: number | null;
  readonly callerAtMs: number | null;
  readonly latestAtMs: number | null;
}

function whenAnswered(before: VantageHealth, tick: TickSeen): Answers {
  const generationAtMs = tick.generation?.ok === true ? tick.atMs : before.lastGenerationOkAtMs;
  const { counted, bad } =
    tick.passive === undefined || tick.passive === null ? { counted: 0, bad: 0 } : judge.countCallers(tick.passive);
  const callerAtMs = counted > bad ? tick.atMs : before.lastCallerOkAtMs;
  const latest = Math.max(generationAtMs ?? 0, callerAtMs ?? 0);
  return { generationAtMs, callerAtMs, latestAtMs: latest === 0 ? null : latest };
}

/** The tick in which a doubt begins is no witness: its successes may be older than the fault. */
function watchCallers(before: CallersSeen, tick: TickSeen, cluster: ClusterSpec, doubted: boolean): CallersSeen {
  if (tick.passive === undefined || tick.passive === null) return doubted ? before : { ...before, servedAtMs: null };
  const { counted, bad } = judge.countCallers(tick.passive);
  const served = doubted && counted > bad ? tick.atMs : doubted ? before.servedAtMs : null;
  const limit = cluster.probes.latency?.maxMs ?? Infinity;
  return {
    servedAtMs: served,
    allFail: counted > 0 ? bad === counted : before.allFail,
    slow: tick.passive.ttft95 === null ? before.slow : tick.passive.ttft95 > limit,
  };
}

/** The dimensions that real traffic can contradict. */
function isAnswerDoubted({ http, latency, generation }: Dimensions): boolean {
  return [http, latency, generation].some((d) => d.failures > 0 || d.failing !== null);
}

/** What the watcher returns when the verdict changed. @replayed */
export function reportVantage(health: VantageHealth, vantage: Vantage, atMs: number): VantageReport {
  const { verdict, sinceMs, evidence, lastGenerationOkAtMs } = health;
  return {
    vantage,
    diagnosis: { verdict, sinceMs, evidence: evidence.map((e) => ({ ...e, by: e.by === '' ? vantage : e.by })) },
    atMs,
    lastGenerationOkAtMs,
  };
}
