/** From rounds of measurements to ratios and goals. Pure. */
import type { WrkResult } from './wrk.js';

/** One contestant in one round. */
export interface Round {
  readonly alone: WrkResult;
  readonly crowd: WrkResult;
  readonly cpuUsPerRequest: number;
}

export const GOALS = { addedLatency: 1.6, cpuPerRequest: 2, kibPerStream: 40 } as const;

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
