import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  effectiveWeights,
  measuredWeight,
  takeTurn,
  type LiveMeasure,
  type Turns,
} from '../../src/domain/strategies.js';
import type { Strategy, Weights } from '../../src/domain/words.js';

const live = (avgLatencyMs: number, errorRate: number): LiveMeasure => ({ avgLatencyMs, errorRate });
const NONE = {};
type Row = readonly [string, Strategy, Weights, string[], Weights, string];

describe('effective weights', () => {
  test.each<Row>([
    ['the primary has all', 'primary-standby', { a: 100, b: 0 }, [], { a: 100, b: 0 }, 'normal'],
    ['a ramp is as written', 'primary-standby', { a: 75, b: 25 }, [], { a: 75, b: 25 }, 'normal'],
    ['an ejected primary is stood in for', 'primary-standby', { a: 100, b: 0 }, ['a'], { a: 0, b: 100 }, 'standby'],
    [
      'the first standby that stands carries',
      'primary-standby',
      { a: 100, b: 0, c: 0 },
      ['a', 'b'],
      { a: 0, b: 0, c: 100 },
      'standby',
    ],
    [
      'an ejected source leaves all to the target',
      'primary-standby',
      { a: 75, b: 25 },
      ['a'],
      { a: 0, b: 100 },
      'normal',
    ],
    ['an ejected standby changes nothing', 'primary-standby', { a: 100, b: 0 }, ['b'], { a: 100, b: 0 }, 'normal'],
    [
      'all ejected: ejection is ignored',
      'primary-standby',
      { a: 100, b: 0 },
      ['a', 'b'],
      { a: 100, b: 0 },
      'last-resort',
    ],
    ['only one without a share is left', 'primary-standby', { b: 0 }, [], { b: 100 }, 'standby'],
    ['nobody is nobody', 'primary-standby', {}, [], {}, 'none'],
    ['in turn', 'round-robin', { a: 50, b: 50 }, [], { a: 50, b: 50 }, 'normal'],
    ['in turn, a failed one skipped', 'round-robin', { a: 25, b: 25, c: 50 }, ['c'], { a: 50, b: 50, c: 0 }, 'normal'],
    ['weighted without measures', 'weighted', { a: 60, b: 40 }, [], { a: 60, b: 40 }, 'normal'],
  ])('%s', (...[, strategy, intended, ejected, weights, footing]) => {
    expect(effectiveWeights(strategy, intended, NONE, new Set(ejected))).toEqual({ weights, footing });
  });

  test.each<[LiveMeasure | null, number]>([
    [null, 1],
    [live(0, 0), 1],
    [live(2_500, 0), 0.75],
    [live(5_000, 0), 0.5],
    [live(60_000, 0), 0.5],
    [live(0, 0.05), 0.75],
    [live(0, 0.1), 0.5],
    [live(0, 1), 0.5],
    [live(5_000, 0.1), 0],
  ])('measured %o weighs %d', (measure, weight) => {
    expect(measuredWeight(measure)).toBeCloseTo(weight, 10);
  });

  test('measures scale the intended share', () => {
    const { weights } = effectiveWeights('weighted', { a: 50, b: 50 }, { a: live(0, 0), b: live(5_000, 0) }, new Set());
    expect(weights['a']).toBeCloseTo(66.667, 2);
    expect(weights['b']).toBeCloseTo(33.333, 2);
  });

  test('all zero falls back to the least bad, and says so', () => {
    const bad = { a: live(9_000, 0.5), b: live(8_000, 0.3), c: live(7_000, 0.3) };
    expect(effectiveWeights('weighted', { a: 40, b: 30, c: 30 }, bad, new Set())).toEqual({
      weights: { a: 0, b: 0, c: 100 },
      footing: 'least-bad',
    });
  });

  test('add up to 100 over the same clusters, and give an ejected one nothing while another stands', () => {
    const names = ['a', 'b', 'c', 'd'];
    fc.assert(
      fc.property(
        fc.constantFrom<Strategy>('primary-standby', 'round-robin', 'weighted'),
        fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 4, maxLength: 4 }),
        fc.array(
          fc.option(fc.record({ avgLatencyMs: fc.nat(20_000), errorRate: fc.double({ min: 0, max: 1, noNaN: true }) })),
          { minLength: 4, maxLength: 4 },
        ),
        fc.subarray(names),
        (strategy, shares, measures, ejected) => {
          const intended = Object.fromEntries(names.map((n, i) => [n, shares[i]!]));
          const measured = Object.fromEntries(names.map((n, i) => [n, measures[i] ?? null]));
          const { weights } = effectiveWeights(strategy, intended, measured, new Set(ejected));
          expect(Object.keys(weights)).toEqual(names);
          expect(Object.values(weights).reduce((a, b) => a + b)).toBeCloseTo(100, 6);
          if (ejected.length < names.length) for (const name of ejected) expect(weights[name]).toBe(0);
        },
      ),
    );
  });
});

describe('turns', () => {
  test('equal weights go strictly in turn', () => {
    const turns: Turns = new Map();
    expect(Array.from({ length: 6 }, () => takeTurn(turns, { a: 50, b: 50 }))).toEqual(['a', 'b', 'a', 'b', 'a', 'b']);
  });

  test('unequal weights interleave', () => {
    const turns: Turns = new Map();
    expect(Array.from({ length: 7 }, () => takeTurn(turns, { a: 5, b: 1, c: 1 })).join('')).toBe('aabacaa');
  });

  test('a weight of zero gets no turn, and nobody is nobody', () => {
    const turns: Turns = new Map();
    expect(new Set(Array.from({ length: 50 }, () => takeTurn(turns, { a: 0, b: 1 })))).toEqual(new Set(['b']));
    expect(takeTurn(turns, { a: 0 })).toBeNull();
  });

  test('each of a hundred turns is where the percentages say', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), (a) => {
        const turns: Turns = new Map();
        const seen = Array.from({ length: 100 }, () => takeTurn(turns, { a, b: 100 - a }));
        expect(seen.filter((name) => name === 'a')).toHaveLength(a);
      }),
    );
  });
});
