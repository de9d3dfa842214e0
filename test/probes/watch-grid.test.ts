import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { firstTick, nextTick, phaseOf, slotAfter } from '../../src/probes/watch-grid.js';

const T = 2_000;

test('the phase of a name is the same in every process, inside an interval, and names spread', () => {
  expect(phaseOf('chat', T)).toBe(phaseOf('chat', T));
  const phases = Array.from({ length: 1_000 }, (_, i) => phaseOf(`service-${i}`, T));
  expect(phases.every((phase) => phase >= 0 && phase < T)).toBe(true);
  for (let tenth = 0; tenth < 10; tenth += 1) {
    const inTenth = phases.filter((phase) => Math.floor(phase / (T / 10)) === tenth).length;
    expect(inTenth, `tenth ${tenth}`).toBeGreaterThan(50);
    expect(inTenth, `tenth ${tenth}`).toBeLessThan(200);
  }
});

describe('the first tick', () => {
  test.each<[string, number | null, number]>([
    ['nobody has looked: at once', null, 10_700],
    ['the last look is an interval old: at once', 8_700, 10_700],
    ['a watch that takes over goes on at the next slot', 10_500, 12_500],
    ['not sooner than half an interval after the last look', 10_000, 12_500],
    ['a look of the future, after a clock was put back: at once', 20_000, 10_700],
  ])('%s', (_name, lastTickAtMs, expected) => expect(firstTick({ atMs: 10_700, lastTickAtMs }, 500, T)).toBe(expected));
});

describe('the next tick', () => {
  test.each<[string, number, number, number]>([
    ['a quick look: an interval later', 10_500, 10_550, 12_500],
    ['a timer that fired a moment early makes no second tick', 10_500, 10_499, 12_500],
    ['a slow look costs slots and does not move them', 10_500, 15_000, 16_500],
    ['after a first tick off the grid the near slot is left out', 12_000, 12_010, 14_500],
    ['after a first tick far from the next slot it is taken', 10_700, 10_710, 12_500],
    ['a clock that was put back an hour is followed', 3_610_500, 10_600, 12_500],
  ])('%s', (_name, plannedAtMs, atMs, expected) => expect(nextTick({ atMs, plannedAtMs }, 500, T)).toBe(expected));

  test('it is always ahead, on the grid, and never more than one and a half intervals away', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 10 ** 12 }),
        fc.integer({ min: 0, max: 100_000 }),
        fc.integer({ min: 20, max: 300_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (plannedAtMs, tookMs, intervalMs, share) => {
          const phase = share * intervalMs;
          const atMs = plannedAtMs + tookMs;
          const next = nextTick({ atMs, plannedAtMs }, phase, intervalMs);
          expect(next).toBeGreaterThan(atMs - 1e-3);
          expect(next - atMs).toBeLessThanOrEqual(1.5 * intervalMs + 1e-3);
          const again = slotAfter(next - intervalMs / 2, phase, intervalMs);
          expect(Math.abs(again - next)).toBeLessThan(1);
        },
      ),
    );
  });
});
