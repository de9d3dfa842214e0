/** From rounds of measurements to ratios and goals. Pure. */
import type { WrkResult } from './wrk.js';

/** One contestant in one round. */
export interface Round {
  readonly alone: WrkResult;
  readonly crowd: WrkResult;
  readonly cpuUsPerRequest: number;
}

/** Of ours: at most so many times the bare pass-through's, so much memory; others' processor time is at least so many times ours. */
export const GOALS = {
  addedLatency: 1.6,
  cpuPerRequest: 2,
  kibPerStream: 40,
  portkeyCpu: 12,
  litellmCpu: 100,
} as const;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export const round2 = (value: number): number => Math.round(value * 100) / 100;

export interface Speed {
  /** Above a direct call, medians, microseconds. */
  readonly addedUs: number;
  readonly perSecond: number;
  readonly cpuUsPerRequest: number;
  readonly failed: number;
}

/** Latency counts in the quietest round, for whatever else the machine does only adds to it; the rest as medians. */
export function speedOf(rounds: readonly Round[], direct: readonly Round[]): Speed {
  return {
    addedUs: Math.round(quietest(rounds) - quietest(direct)),
    perSecond: Math.round(median(rounds.map((r) => r.crowd.perSecond))),
    cpuUsPerRequest: round2(median(rounds.map((r) => r.cpuUsPerRequest))),
    failed: rounds.reduce((all, r) => all + r.alone.failed + r.crowd.failed, 0),
  };
}

const quietest = (rounds: readonly Round[]): number => Math.min(...rounds.map((r) => r.alone.p50Us));

/** How many times the bare pass-through's: of the quietest rounds, else the median of each round's ratio. */
export function ratiosOf(rounds: readonly Round[], bare: readonly Round[], direct: readonly Round[]) {
  const each = (of: (round: Round) => number): number => round2(median(rounds.map((r, i) => of(r) / of(bare[i] ?? r))));
  const base = quietest(direct);
  return {
    addedLatency: round2((quietest(rounds) - base) / (quietest(bare) - base)),
    cpuPerRequest: each((r) => r.cpuUsPerRequest),
    throughput: each((r) => r.crowd.perSecond),
  };
}

/** `null`: not measured. */
export interface Measured {
  readonly speed: {
    readonly addedLatency: number;
    readonly cpuPerRequest: number;
    /** Of our requests, in all rounds. */
    readonly failed: number;
    /** How many times our processor time a request takes another gateway, for those that were measured. */
    readonly cpuOfOthers: Readonly<Partial<Record<string, number>>>;
  } | null;
  readonly kibPerStream: number | null;
  readonly growth: Growth | null;
}

type Goal = readonly [met: boolean, missed: string];

/** Every goal that is missed, with its figures. What was not measured is not missed. */
export function missedGoals({ speed, kibPerStream, growth }: Measured): readonly string[] {
  const goals: readonly Goal[] = [
    ...(speed === null ? [] : goalsOfSpeed(speed)),
    [(kibPerStream ?? 0) <= GOALS.kibPerStream, `${kibPerStream} KiB a stream (goal ${GOALS.kibPerStream})`],
    [(growth?.grewPct ?? 0) <= GROWTH_PCT_MAX, `memory grew ${growth?.grewPct} % (limit ${GROWTH_PCT_MAX})`],
    [(growth?.failed ?? 0) === 0, `${growth?.failed} requests of the soak failed`],
  ];
  return goals.filter(([met]) => !met).map(([, missed]) => missed);
}

function goalsOfSpeed({ addedLatency, cpuPerRequest, failed, cpuOfOthers }: NonNullable<Measured['speed']>): Goal[] {
  const { portkey = Infinity, litellm = Infinity } = cpuOfOthers;
  return [
    [addedLatency <= GOALS.addedLatency, `added latency ${addedLatency} x (goal ${GOALS.addedLatency})`],
    [cpuPerRequest <= GOALS.cpuPerRequest, `CPU ${cpuPerRequest} x (goal ${GOALS.cpuPerRequest})`],
    [portkey >= GOALS.portkeyCpu, `CPU of Portkey ${portkey} x ours (goal ${GOALS.portkeyCpu})`],
    [litellm >= GOALS.litellmCpu, `CPU of LiteLLM ${litellm} x ours (goal ${GOALS.litellmCpu})`],
    [failed === 0, `${failed} requests failed`],
  ];
}

export interface MemorySample {
  readonly bytes: number;
  readonly heapBytes: number;
}

export interface Growth {
  readonly seconds: number;
  readonly requests: number;
  readonly failed: number;
  /** After warm-up and at the end. */
  readonly mib: readonly [number, number];
  readonly heapMib: readonly [number, number];
  readonly grewPct: number;
}

/** Memory at the end of a long load may be this much above that after warm-up. In ten minutes a leak of some bytes a request is more. */
export const GROWTH_PCT_MAX = 10;
/** Code is compiled and pools are filled after this share of the samples; each side looks at as many. */
const WARM_UP_SHARE = 0.2;

/** Compares medians of memory, which garbage moves little, and the lowest of the heap, which it moves much. */
export function growthOf(samples: readonly MemorySample[]): Pick<Growth, 'mib' | 'heapMib' | 'grewPct'> {
  const share = Math.max(1, Math.floor(samples.length * WARM_UP_SHARE));
  const early = samples.slice(share, 2 * share);
  const late = samples.slice(-share);
  const mib = (bytes: number): number => Math.round(bytes / 2 ** 20);
  const rss = (some: readonly MemorySample[]): number => median(some.map((s) => s.bytes));
  const heap = (some: readonly MemorySample[]): number => Math.min(...some.map((s) => s.heapBytes));
  return {
    mib: [mib(rss(early)), mib(rss(late))],
    heapMib: [mib(heap(early)), mib(heap(late))],
    grewPct: round2((100 * (rss(late) - rss(early))) / rss(early)),
  };
}
