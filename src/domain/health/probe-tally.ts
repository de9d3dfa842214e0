/** What completions of our own have cost lately, in slots of five minutes: enough for "in the last hour", small in a heartbeat. */
import type { CompletionCost } from './probe-budget.js';

const SLOT_MS = 300_000;
const HOUR_MS = 3_600_000;

export interface ProbeSlot {
  /** When it began, ms. */
  readonly fromMs: number;
  readonly completions: number;
  readonly tokens: number;
  /** Of generation, as the prober saw it. */
  readonly ms: number;
}

/** The costs of an hour. */
export type ProbeTally = Omit<ProbeSlot, 'fromMs'>;

export const NOTHING_SPENT: ProbeTally = { completions: 0, tokens: 0, ms: 0 };

/** One more completion; what is older than an hour is dropped. @replayed */
export function countCompletion(slots: readonly ProbeSlot[], cost: CompletionCost, atMs: number): readonly ProbeSlot[] {
  const fromMs = Math.floor(atMs / SLOT_MS) * SLOT_MS;
  const last = slots.at(-1);
  const spent = { completions: 1, tokens: cost.promptTokens + cost.completionTokens, ms: cost.ms };
  // A clock that was put back counts into the newest slot.
  if (last !== undefined && last.fromMs >= fromMs)
    return [...slots.slice(0, -1), { fromMs: last.fromMs, ...add(last, spent) }];
  return [...slots.filter((slot) => slot.fromMs > atMs - HOUR_MS), { fromMs, ...spent }];
}

/** The last hour: whole slots only, so it is never more than that. */
export function tallyHour(slots: readonly ProbeSlot[], atMs: number): ProbeTally {
  return slots.filter((slot) => slot.fromMs > atMs - HOUR_MS && slot.fromMs <= atMs).reduce(add, NOTHING_SPENT);
}

export function add(a: ProbeTally, b: ProbeTally): ProbeTally {
  return { completions: a.completions + b.completions, tokens: a.tokens + b.tokens, ms: a.ms + b.ms };
}
