import { expect, test } from 'vitest';
import { UNSPENT, type ProbeSpending } from '../../../src/domain/health/probe-budget.js';
import {
  probeCostOf,
  probeCostSentence,
  UNKNOWN_COST,
  usedUpSentences,
} from '../../../src/domain/health/probe-cost.js';

const HOUR_MS = 3_600_000;
const NOW = 1_000 * HOUR_MS;
const slot = (agoMs: number, completions: number, tokens: number, ms: number) => ({
  fromMs: NOW - agoMs,
  completions,
  tokens,
  ms,
});
const spent = (...slots: ProbeSpending['slots']): ProbeSpending => ({ ...UNSPENT, slots });
const told = (spendings: Readonly<Record<string, ProbeSpending | null>>): string =>
  probeCostSentence(probeCostOf(spendings, 10, NOW));

test.each<[string, Readonly<Record<string, ProbeSpending | null>>, string]>([
  [
    'two vantages are one sum',
    { eu: spent(slot(0, 7, 100, 5_000)), us: spent(slot(300_000, 5, 90, 4_000)) },
    '12 completions, 190 tokens in the last hour, 0.03 % of its capacity',
  ],
  [
    'one of each',
    { eu: spent(slot(0, 1, 1, 36_000)) },
    '1 completion, 1 token in the last hour, 0.10 % of its capacity',
  ],
  [
    'just as much as is shown',
    { eu: spent(slot(0, 1, 9, 3_600)) },
    '1 completion, 9 tokens in the last hour, 0.01 % of its capacity',
  ],
  [
    'a little less',
    { eu: spent(slot(0, 1, 9, 3_599)) },
    '1 completion, 9 tokens in the last hour, less than 0.01 % of its capacity',
  ],
  ['nothing', { eu: spent() }, 'no completion in the last hour'],
  ['longer ago than an hour', { eu: spent(slot(HOUR_MS, 9, 99, 9_000)) }, 'no completion in the last hour'],
  ['not known of one', { eu: spent(), us: null }, 'no completion in the last hour; those from us are not known'],
  ['not known of any', { eu: null, us: null }, 'what completions cost is not known: no word from eu, us'],
])('what completions cost: %s', (_name, spendings, sentence) => expect(told(spendings)).toBe(sentence));

test('not knowing even who watches is no zero either', () => {
  expect(probeCostSentence(UNKNOWN_COST)).toBe('what completions cost is not known');
  expect(probeCostOf({ eu: null }, 10, NOW).lastHour).toBeNull();
});

test('a budget that is used up is said of the vantage that has none left', () => {
  const cost = probeCostOf({ eu: { ...UNSPENT, heldSinceMs: NOW }, us: UNSPENT }, 10, NOW);
  expect(usedUpSentences(cost)).toEqual([
    `the budget of completions from eu is used up since ${new Date(NOW).toISOString()}: \`generation\` is not known from there until it has filled again`,
  ]);
});
