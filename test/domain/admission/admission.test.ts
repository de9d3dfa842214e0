import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { atMost, PRIORITIES, priorityOf, retryAfterS, type Priority } from '../../../src/domain/admission/priority.js';
import { limitForBegun, maySpill, NO_LIMIT } from '../../../src/domain/admission/room.js';
import { compareWaiting, type Place } from '../../../src/domain/admission/waiting-order.js';

test.each<[string, string | undefined, Priority | null]>([
  ['none', undefined, 'normal'],
  ['high', 'high', 'high'],
  ['normal', 'normal', 'normal'],
  ['low', 'low', 'low'],
  ['a misspelled one', 'hihg', null],
  ['capitals', 'High', null],
  ['two headers', 'high, low', null],
  ['an empty one', '', null],
])('the priority of a request: %s', (_name, header, expected) => expect(priorityOf(header)).toBe(expected));

test.each<[Priority, Priority, Priority]>([
  ['high', 'high', 'high'],
  ['high', 'low', 'low'],
  ['normal', 'high', 'normal'],
  ['normal', 'normal', 'normal'],
  ['normal', 'low', 'low'],
  ['low', 'high', 'low'],
])('who may claim up to %s and claims %s has %s', (max, claimed, got) => expect(atMost(max, claimed)).toBe(got));

describe('when a refused caller may come back', () => {
  test('the important ones first, and not all of one kind at once', () => {
    const after = (priority: Priority): number[] => [0, 1, 2, 3, 4, 5].map((nth) => retryAfterS(priority, nth));
    expect(after('high')).toEqual([1, 2, 1, 2, 1, 2]);
    expect(after('normal')).toEqual([2, 3, 4, 2, 3, 4]);
    expect(after('low')).toEqual([5, 6, 7, 8, 9, 10]);
  });
});

describe('spilling to a standby', () => {
  test.each<[string, Partial<Parameters<typeof maySpill>[0]>, boolean]>([
    ['at the share', { running: 9, spilled: 2 }, true], // 3 of 10
    ['above it', { running: 9, spilled: 3 }, false],
    ['one that is not whole', { running: 12, spilled: 3 }, false], // 4 of 13
    ['the first of a service of few', { running: 1, spilled: 0 }, true],
    ['the second of a service of few', { running: 2, spilled: 1 }, false],
    ['when it is switched off', { maxPct: 0, running: 0, spilled: 0 }, false],
    ['all of it', { maxPct: 100, running: 5, spilled: 5 }, true],
  ])('%s', (_name, seen, expected) => expect(maySpill({ running: 9, spilled: 0, maxPct: 30, ...seen })).toBe(expected));

  test('never becomes more than its share, or one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2_000 }), fc.double({ min: 0.1, max: 100, noNaN: true }), (own, maxPct) => {
        let spilled = 0;
        while (spilled < 5_000 && maySpill({ running: own + spilled, spilled, maxPct })) spilled++;
        expect(spilled === 5_000 || spilled <= Math.max(1, (maxPct / 100) * (own + spilled))).toBe(true);
      }),
    );
  });
});

test.each<[number, number]>([
  [1, 3],
  [8, 10],
  [11, 13],
  [12, 15],
  [256, 320],
  [NO_LIMIT, NO_LIMIT],
])('what was begun elsewhere may go on above a limit of %d, up to %d', (limit, expected) =>
  expect(limitForBegun(limit)).toBe(expected),
);

describe('the order of those that wait', () => {
  const place = (change: Partial<Place>): Place => ({
    begun: false,
    priority: 'normal',
    turn: 1,
    arrival: 5,
    ...change,
  });

  test.each<[string, Partial<Place>, Partial<Place>]>([
    ['who came first', { arrival: 4 }, {}],
    ['whose key has had fewer turns, before who came first', { arrival: 9 }, { turn: 2 }],
    ['the higher priority before fewer turns', { priority: 'high', turn: 9 }, {}],
    ['the higher priority', { priority: 'high', arrival: 9 }, {}],
    ['normal before low', {}, { priority: 'low', arrival: 1 }],
    ['what was begun, whatever its priority', { begun: true, priority: 'low', arrival: 9 }, { priority: 'high' }],
    ['of two begun ones the higher priority', { begun: true, priority: 'high' }, { begun: true, arrival: 1 }],
  ])('%s', (_name, first, second) => {
    expect(compareWaiting(place(first), place(second))).toBeLessThan(0);
    expect(compareWaiting(place(second), place(first))).toBeGreaterThan(0);
  });

  test('is an order: nobody is before himself, and whoever is before another is before all behind that one', () => {
    const any = fc.record({
      begun: fc.boolean(),
      priority: fc.constantFrom(...PRIORITIES),
      turn: fc.integer({ min: 1, max: 3 }),
      arrival: fc.integer({ min: 1, max: 4 }),
    });
    fc.assert(
      fc.property(any, any, any, (a, b, c) => {
        expect(compareWaiting(a, a)).toBe(0);
        if (compareWaiting(a, b) < 0 && compareWaiting(b, c) < 0) expect(compareWaiting(a, c)).toBeLessThan(0);
      }),
    );
  });
});
