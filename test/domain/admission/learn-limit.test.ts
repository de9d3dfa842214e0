import { describe, expect, test } from 'vitest';
import {
  learnLimit,
  LEARN_FIRST,
  LEARN_MAX,
  LEARN_MIN,
  NOTHING_LEARNED,
  type Learned,
  type LearnWindow,
} from '../../../src/domain/admission/learn-limit.js';

const known: Learned = { limit: 100, paceMs: 100 };
const calm: LearnWindow = { runningMax: 100, firstTokenMs: 100, refusals: 0 };

test.each<[string, Partial<LearnWindow>, number]>([
  ['full and at its pace: a few more', {}, 110],
  ['nearly full counts as tried', { runningMax: 80 }, 110],
  ['not tried, not raised', { runningMax: 79 }, 100],
  ['slower, but not twice as slow', { firstTokenMs: 200 }, 110],
  ['more than twice as slow: a tenth less', { firstTokenMs: 201 }, 90],
  ['late while half full', { firstTokenMs: 900, runningMax: 50 }, 90],
  ['late while nearly idle has another cause', { firstTokenMs: 900, runningMax: 49 }, 100],
  ['a refusal: a tenth less', { refusals: 1 }, 90],
  ['a refusal below the limit: a tenth less than ran', { refusals: 1, runningMax: 40 }, 36],
  ['no streams, full: a few more until it refuses', { firstTokenMs: null }, 110],
  ['nothing ran', { runningMax: 0, firstTokenMs: null }, 100],
])('%s', (_name, seen, limit) => expect(learnLimit(known, { ...calm, ...seen }).limit).toBe(limit));

test.each<[string, number | null, number | null, number | null]>([
  ['the first tokens seen are the pace', null, 80, 80],
  ['quicker ones are believed soon', 100, 0, 70],
  ['slower ones slowly', 100, 200, 100.5],
  ['none change nothing', 100, null, 100],
  ['none ever', null, null, null],
])('the pace: %s', (_name, paceMs, firstTokenMs, expected) =>
  expect(learnLimit({ limit: 10, paceMs }, { ...calm, firstTokenMs }).paceMs).toBe(expected),
);

test('stays within its bounds', () => {
  expect(learnLimit({ ...known, limit: LEARN_MIN }, { ...calm, refusals: 9, runningMax: 0 }).limit).toBe(LEARN_MIN);
  expect(learnLimit({ ...known, limit: LEARN_MAX }, { ...calm, runningMax: LEARN_MAX }).limit).toBe(LEARN_MAX);
});

/** A cluster that runs `able` at once at its pace, is later the more it has beyond that, and refuses from three times on. */
function windowAt(able: number, running: number): LearnWindow {
  return {
    runningMax: running,
    firstTokenMs: 50 * Math.max(1, (running / able) ** 2),
    refusals: running > 3 * able ? 1 : 0,
  };
}

describe.each([8, 100, 1_000])('with more callers than it can serve, a cluster that can do %d', (able) => {
  const limits: number[] = [];
  let learned = NOTHING_LEARNED;
  for (let i = 0; i < 240; i++) {
    learned = learnLimit(learned, windowAt(able, learned.limit));
    limits.push(learned.limit);
  }

  test('is neither left idle nor flooded without end', () => {
    const settled = limits.slice(60);
    expect(Math.min(...settled)).toBeGreaterThanOrEqual(Math.min(able, LEARN_FIRST) * 0.7);
    expect(Math.max(...settled)).toBeLessThanOrEqual(able * 4);
  });
});
