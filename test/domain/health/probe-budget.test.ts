/** What completions of our own may cost: rows on both sides of each limit, and whole hours of asking. */
import { describe, expect, test } from 'vitest';
import type { ClusterSpec, ProbeBudgetSettings } from '../../../src/domain/fleet.js';
import { probeDefaults } from '../../../src/domain/health/probe-defaults.js';
import {
  affordsCompletion,
  budgetOf,
  costOf,
  payCompletion,
  UNSPENT,
  type ProbeSpending,
} from '../../../src/domain/health/probe-budget.js';
import { tallyHour } from '../../../src/domain/health/probe-tally.js';
import type { GenerationSeen } from '../../../src/domain/health/types.js';
import { beginVantage, observe, type VantageHealth } from '../../../src/domain/health/vantage.js';
import { mayAsk, wantsGeneration } from '../../../src/domain/health/wants.js';
import { clusterSpec } from '../../kit/fleet.js';

const HOUR_MS = 3_600_000;
const START_MS = 1_000 * HOUR_MS;

function cluster(budget: ProbeBudgetSettings = {}, change: Partial<ClusterSpec> = {}): ClusterSpec {
  const { generation, ...probes } = probeDefaults('vllm');
  if (generation === null) throw new Error('vllm has completions');
  return clusterSpec('eu-a', { probes: { ...probes, generation: { ...generation, budget } }, ...change });
}

const took = (ms: number) => ({ ms, promptTokens: 10, completionTokens: 6 });

interface Asking {
  readonly everyMs: number;
  readonly doubt: boolean;
  readonly ms: number;
  readonly forMs: number;
}

/** Asks whenever it may, no more often than `everyMs`. */
function ask(spec: ClusterSpec, { everyMs, doubt, ms, forMs }: Asking, from: ProbeSpending = UNSPENT) {
  let spending = from;
  let asked = 0;
  const begunMs = Math.max(START_MS, from.atMs);
  for (let atMs = begunMs; atMs < begunMs + forMs; atMs += everyMs) {
    if (!affordsCompletion(spending, spec, { atMs, doubt, running: 0 })) continue;
    asked += 1;
    spending = payCompletion(spending, took(ms), spec, { atMs, doubt });
  }
  return { asked, spending };
}

describe('the budget that follows from the other settings', () => {
  test.each<[string, Partial<ClusterSpec>, Partial<ReturnType<typeof budgetOf>>]>([
    ['the defaults of vllm', {}, { share: 0.01, perHour: 1_080, atOnce: 4 }],
    ['few requests at once: half a second every 5 s', { capacity: { concurrency: 1 } }, { share: 0.1 }],
    ['ten of them: the share of all', { capacity: { concurrency: 10 } }, { share: 0.01 }],
    [
      'a short interval: doubt needs more',
      { health: { intervalMs: 1_000, fall: 5, rise: 5, gray: { failures: 5, of: 10 } } },
      { perHour: 2_160, atOnce: 6 },
    ],
  ])('%s', (_name, change, expected) => expect(budgetOf(cluster({}, change))).toMatchObject(expected));

  test('what is written holds', () => {
    expect(budgetOf(cluster({ share: 0.002, perHour: 60, atOnce: 1 }))).toEqual({
      share: 0.002,
      perHour: 60,
      atOnce: 1,
    });
  });
});

describe('an hour', () => {
  test.each([1, 64, 1_024])('of regular completions every 5 s is afforded at %i requests at once', (concurrency) => {
    const spec = cluster({}, { capacity: { concurrency } });
    expect(ask(spec, { everyMs: 5_000, doubt: false, ms: 300, forMs: HOUR_MS }).asked).toBe(720);
  });

  test('of doubt never takes more than is allowed, whatever was saved before', () => {
    const spec = cluster({ perHour: 100 });
    expect(ask(spec, { everyMs: 500, doubt: true, ms: 50, forMs: HOUR_MS }).asked).toBeLessThanOrEqual(100);
    expect(ask(spec, { everyMs: 500, doubt: true, ms: 50, forMs: HOUR_MS }).asked).toBeGreaterThan(90);
  });

  test('of slow completions costs no more than the share, and one that was under way', () => {
    const spec = cluster({ share: 0.001 });
    const { spending } = ask(spec, { everyMs: 2_000, doubt: true, ms: 5_000, forMs: HOUR_MS });
    const spentMs = tallyHour(spending.slots, START_MS + HOUR_MS).ms;
    expect(spentMs).toBeGreaterThan(0.7 * 0.001 * 64 * HOUR_MS);
    expect(spentMs).toBeLessThanOrEqual(0.001 * 64 * HOUR_MS + 5_000);
  });
});

describe('the reserve', () => {
  test('is whole after hours of regular completions that used up theirs', () => {
    const spec = cluster({ perHour: 60 });
    const { spending } = ask(spec, { everyMs: 1_000, doubt: false, ms: 100, forMs: 3 * HOUR_MS });
    expect(affordsCompletion(spending, spec, { atMs: spending.atMs, doubt: false, running: 0 })).toBe(false);
    // What a way down (fall 3, one more for completions alone) and a way up (rise 5) take.
    expect(ask(spec, { everyMs: 2_000, doubt: true, ms: 100, forMs: 30_000 }, spending).asked).toBeGreaterThanOrEqual(
      9,
    );
  });

  test('by default holds four timeouts and minutes of doubt', () => {
    const { asked } = ask(cluster(), { everyMs: 2_000, doubt: true, ms: 5_000, forMs: 120_000 });
    expect(asked).toBe(60);
  });

  test('does not starve regular completions after a doubt of hours', () => {
    const spec = cluster();
    const doubted = ask(spec, { everyMs: 1_000, doubt: true, ms: 100, forMs: 3 * HOUR_MS }).spending;
    const atMs = doubted.atMs + 6_000;
    expect(affordsCompletion(doubted, spec, { atMs, doubt: false, running: 0 })).toBe(true);
  });
});

test('completions under way are counted as if they were paid', () => {
  const spec = cluster({ perHour: 100 });
  const may = (running: number) => affordsCompletion(UNSPENT, spec, { atMs: START_MS, doubt: false, running });
  expect([may(0), may(1), may(2)]).toEqual([true, true, false]);
});

test('a clock that is put back refills nothing and counts on', () => {
  const spec = cluster({ perHour: 60 });
  const { spending } = ask(spec, { everyMs: 1_000, doubt: false, ms: 100, forMs: HOUR_MS });
  const back = spending.atMs - HOUR_MS / 2;
  expect(affordsCompletion(spending, spec, { atMs: back, doubt: false, running: 0 })).toBe(false);
  expect(payCompletion(spending, took(1), spec, { atMs: back, doubt: true }).slots).toHaveLength(spending.slots.length);
});

describe('what a completion cost', () => {
  test.each<[string, GenerationSeen, number | null]>([
    ['what the probe measured', { ok: true, cost: took(170) }, 170],
    ['nobody listened', { ok: false, error: 'refused' }, null],
    ['a status instead of an answer', { ok: false, error: '503' }, null],
    ['a trace tells the times', { ok: true, ttft: 120, gap: 25 }, 145],
    ['a trace tells a hang', { ok: false, error: 'timeout' }, 5_000],
  ])('%s', (_name, seen, ms) => expect(costOf(seen, cluster())?.ms ?? null).toBe(ms));
});

describe('in the state of a vantage', () => {
  const WELL: GenerationSeen = { ok: true, ttft: 100, gap: 20, cost: took(200) };

  /** Ticks every 2 s, and a completion wherever one is wanted and allowed. */
  function live(spec: ClusterSpec, ticks: number, answer: (n: number) => GenerationSeen | null): VantageHealth[] {
    let health = beginVantage(START_MS);
    return Array.from({ length: ticks }, (_, n) => {
      const atMs = START_MS + n * 2_000;
      const asks = wantsGeneration(health, spec, atMs) && mayAsk(health, spec, { atMs, running: 0 });
      const generation = asks ? answer(n) : null;
      const self = { lag: 0, late: 0, control: true };
      health = observe(health, { atMs, http: { status: 200, ms: 2 }, generation, self }, spec);
      return health;
    });
  }

  test('the costs of the last hour are counted, and no more than an hour of them is kept', () => {
    const health = live(cluster(), 3_600, () => WELL).at(-1);
    const tally = tallyHour(health?.spending.slots ?? [], START_MS + 3_599 * 2_000);
    expect(tally.completions).toBeGreaterThan(500);
    expect(tally.completions).toBeLessThanOrEqual(720);
    expect(tally).toMatchObject({ tokens: tally.completions * 16, ms: tally.completions * 200 });
    expect(health?.spending.slots.length).toBeLessThanOrEqual(13);
  });

  test('a budget that is used up is named, and is no failure', () => {
    const healths = live(cluster({ perHour: 60 }), 900, () => WELL);
    const held = healths.filter(({ spending }) => spending.heldSinceMs !== null);
    expect(held.length).toBeGreaterThan(100);
    expect(held.every(({ dimensions }) => dimensions.generation.failures === 0)).toBe(true);
    expect(new Set(healths.map(({ verdict }) => verdict))).toEqual(new Set(['healthy']));
  });

  test('the name is dropped with the next completion', () => {
    const healths = live(cluster({ perHour: 60 }), 900, () => WELL);
    const firstHeld = healths.findIndex(({ spending }) => spending.heldSinceMs !== null);
    expect(healths.slice(firstHeld).some(({ spending }) => spending.heldSinceMs === null)).toBe(true);
  });

  test('a hang is found although regular completions have used up all of theirs', () => {
    const hang = 860;
    const healths = live(cluster({ perHour: 60 }), 900, (n) => (n < hang ? WELL : { ok: false, error: 'timeout' }));
    expect(healths[hang - 1]?.verdict).toBe('healthy');
    expect(healths.some(({ verdict }) => verdict === 'stuck')).toBe(true);
  });

  test('a completion of a watcher that distrusts itself is paid for too', () => {
    const before = beginVantage(START_MS);
    const self = { lag: 5_000, late: 0, control: true };
    const after = observe(before, { atMs: START_MS, generation: WELL, self }, cluster());
    expect(after.spending.slots).toMatchObject([{ completions: 1 }]);
    expect(after.lastGenerationOkAtMs).toBeNull();
  });
});
