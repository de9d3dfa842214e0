import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  shareMaxPct,
  SLOW_START_FIRST_PCT,
  SLOW_START_MS,
  slowStarted,
  type SlowStart,
} from '../../../src/domain/admission/slow-start.js';
import type { Weights } from '../../../src/domain/words.js';

test.each<[number, number]>([
  [-5, SLOW_START_FIRST_PCT],
  [0, SLOW_START_FIRST_PCT],
  [SLOW_START_MS / 2, 55],
  [SLOW_START_MS - 1, 99.991],
  [SLOW_START_MS, 100],
  [Infinity, 100],
])('%d ms after its return a cluster has at most its share of then', (sinceMs, expected) =>
  expect(shareMaxPct(sinceMs)).toBeCloseTo(expected, 3),
);

describe('what a returned cluster does not get', () => {
  const a = (shareMax: number): SlowStart => ({ cluster: 'a', shareMax });
  const b = (shareMax: number): SlowStart => ({ cluster: 'b', shareMax });

  test.each<[string, Weights, SlowStart[], string[], Weights]>([
    [
      'goes to the others that carry, by share',
      { a: 50, b: 30, c: 20 },
      [a(10)],
      ['a', 'b', 'c'],
      { a: 10, b: 54, c: 36 },
    ],
    [
      'goes to the standby where nobody else carries',
      { a: 100, b: 0, c: 0 },
      [a(10)],
      ['a', 'b', 'c'],
      { a: 10, b: 90, c: 0 },
    ],
    ['goes to nobody that is not well', { a: 100, b: 0, c: 0 }, [a(10)], ['a', 'c'], { a: 10, b: 0, c: 90 }],
    ['goes to nobody that is starting itself', { a: 100, b: 0 }, [a(10), b(40)], ['a', 'b'], { a: 100, b: 0 }],
    ['is all of it when it is the only one', { a: 100 }, [a(10)], ['a'], { a: 100 }],
    ['is nothing when its share is small', { a: 5, b: 95 }, [a(10)], ['a', 'b'], { a: 5, b: 95 }],
    ['is nothing at the limit', { a: 10, b: 90 }, [a(10)], ['a', 'b'], { a: 10, b: 90 }],
    ['is the same for several', { a: 40, b: 40, c: 20 }, [a(10), b(20)], ['a', 'b', 'c'], { a: 10, b: 20, c: 70 }],
  ])('%s', (_name, weights, starting, standing, expected) =>
    expect(slowStarted(weights, starting, standing)).toEqual(expected),
  );

  test('is lost to nobody: the weights still add up, and none is below zero', () => {
    const names = ['a', 'b', 'c', 'd'];
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 4, maxLength: 4 }).filter((w) => w.some((x) => x > 0)),
        fc.subarray(names),
        fc.subarray(names),
        fc.double({ min: 10, max: 100, noNaN: true }),
        (raw, starting, standing, shareMax) => {
          const total = raw.reduce((x, y) => x + y, 0);
          const weights = Object.fromEntries(names.map((name, i) => [name, (100 * (raw[i] ?? 0)) / total]));
          const next = slowStarted(
            weights,
            starting.map((cluster) => ({ cluster, shareMax })),
            standing,
          );
          expect(Object.values(next).reduce((x, y) => x + y, 0)).toBeCloseTo(100, 6);
          expect(Object.values(next).every((w) => w >= 0)).toBe(true);
        },
      ),
    );
  });
});
