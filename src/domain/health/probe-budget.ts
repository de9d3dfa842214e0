/**
 * What completions of our own may cost: a share of the cluster's capacity and a number an hour, whichever a completion
 * uses up sooner. One unit is the budget of one hour, kept in two purses, so that regular completions never use up what
 * a doubt needs:
 *
 *     regular: 0.70 an hour, up to 0.02 at once        reserve: 0.08 an hour, up to 0.20 at once, for doubt only
 *
 * Both purses and what refills them are one unit together: no hour costs more. What regular completions leave over fills
 * the reserve; a doubt takes from the reserve first.
 */
import type { ClusterSpec, ProbeBudgetSettings } from '../fleet.js';
import type { GenerationSeen } from './types.js';
import { isHang } from './judge-tick.js';
import { countCompletion, type ProbeSlot } from './probe-tally.js';

const HOUR_MS = 3_600_000;
const REGULAR = { max: 0.02, perHour: 0.7 } as const;
const RESERVE = { max: 0.2, perHour: 0.08 } as const;

/** Of one vantage: its reserve (a fifth) must hold a way down and a way up, and its regular purse one completion. */
export const PROBES_PER_HOUR_MIN = 60;

/** Regular completions need 0.7 of the hour's number at most: half as many again as one every `every`. */
const SPARE = 1.5;
/** Doubt asks as often as once an interval; this many intervals count as one `every` where that is less. */
const DOUBT_INTERVALS = 2.5;
const SHARE_DEFAULT = 0.01;
/** A cluster of few requests at once is asked too: so long a completion each time, ms. */
const COMPLETION_MS = 500;

/** Nobody listened, or the engine answered with a status instead of a completion. */
const NOT_REACHED = /^(refused|ECONNREFUSED|dns|tls|unroutable|\d{3})$/;

export interface ProbeSpending {
  /** What was in the purses at `atMs`; below zero when a completion cost more than was there, for its price is known late. */
  readonly regular: number;
  readonly reserve: number;
  readonly atMs: number;
  /** Since when a completion is wanted and not sent, ms; `null` when none is. */
  readonly heldSinceMs: number | null;
  /** What was spent lately, oldest first. */
  readonly slots: readonly ProbeSlot[];
}

export const UNSPENT: ProbeSpending = {
  regular: REGULAR.max,
  reserve: RESERVE.max,
  atMs: 0,
  heldSinceMs: null,
  slots: [],
};

/** What one completion cost the engine; tokens are estimates where it does not tell them. */
export interface CompletionCost {
  readonly ms: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** The budget of one vantage: what is written, else what the bounds of detection need. @replayed */
export function budgetOf(cluster: ClusterSpec): Required<ProbeBudgetSettings> {
  const { probes, capacity, health } = cluster;
  const paceMs = paceOf(cluster);
  const written = probes.generation?.budget;
  return {
    share:
      written?.share ??
      Math.min(1, Math.max(SHARE_DEFAULT, COMPLETION_MS / paceMs / Math.max(1, capacity.concurrency))),
    perHour: perHourOf(cluster),
    atOnce: written?.atOnce ?? health.fall + 1,
  };
}

const paceOf = ({ probes, health }: ClusterSpec): number =>
  Math.min(probes.generation?.everyMs ?? Infinity, DOUBT_INTERVALS * health.intervalMs);

const perHourOf = (cluster: ClusterSpec): number =>
  cluster.probes.generation?.budget?.perHour ?? Math.ceil((SPARE * HOUR_MS) / paceOf(cluster));

/**
 * Whether one more completion may be sent; `running` ones are not paid yet.
 * @replayed
 */
export function affordsCompletion(
  spending: ProbeSpending,
  cluster: ClusterSpec,
  moment: { readonly atMs: number; readonly doubt: boolean; readonly running: number },
): boolean {
  const needed = (moment.running + 1) / perHourOf(cluster);
  // The most frequent case: enough was there already when the last one was paid.
  if (spending.regular >= needed) return true;
  const { regular, reserve } = pursesAt(spending, moment.atMs);
  const there = moment.doubt ? Math.max(0, regular) + reserve : regular;
  return there >= needed;
}

/** Pays for a completion that has ended. @replayed */
export function payCompletion(
  before: ProbeSpending,
  cost: CompletionCost,
  cluster: ClusterSpec,
  moment: { readonly atMs: number; readonly doubt: boolean },
): ProbeSpending {
  const { share, perHour } = budgetOf(cluster);
  const capacityMs = share * cluster.capacity.concurrency * HOUR_MS;
  const price = Math.max(1 / perHour, cost.ms / capacityMs);
  const { regular, reserve } = pursesAt(before, moment.atMs);
  // Doubt takes from the reserve, then from what is there for regular ones; its debts are the reserve's.
  const fromRegular = moment.doubt ? Math.min(Math.max(0, price - Math.max(0, reserve)), Math.max(0, regular)) : price;
  return {
    regular: regular - fromRegular,
    reserve: reserve - (price - fromRegular),
    atMs: moment.atMs,
    heldSinceMs: before.heldSinceMs,
    slots: countCompletion(before.slots, cost, moment.atMs),
  };
}

/** Whether a completion that ended with this word has cost the engine anything. */
export const hasReached = (error: string): boolean => !NOT_REACHED.test(error);

/** What a completion cost; `null` when it never reached the engine. A trace does not say: its times tell. @replayed */
export function costOf(generation: GenerationSeen, cluster: ClusterSpec): CompletionCost | null {
  if (generation.cost !== undefined) return generation.cost;
  const { error, ttft = 0, gap = 0 } = generation;
  if (error !== undefined && !hasReached(error)) return null;
  const ms = isHang(error) ? (cluster.probes.generation?.timeoutMs ?? 0) : ttft + gap;
  return { ms, promptTokens: 0, completionTokens: 0 };
}

/** A clock that was put back refills nothing. */
function pursesAt({ regular, reserve, atMs }: ProbeSpending, nowMs: number): { regular: number; reserve: number } {
  const hours = Math.max(0, nowMs - atMs) / HOUR_MS;
  const refilled = regular + REGULAR.perHour * hours;
  const over = Math.max(0, refilled - REGULAR.max);
  return { regular: refilled - over, reserve: Math.min(RESERVE.max, reserve + RESERVE.perHour * hours + over) };
}
