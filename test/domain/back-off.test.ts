import { expect, test } from 'vitest';
import { replacementWait } from '../../src/domain/back-off.js';

const waits = (count: number, ended: { ranMs: number; served: boolean; isLast: boolean }): number[] => {
  let row = 0;
  return Array.from({ length: count }, () => {
    const next = replacementWait(row, ended);
    ({ row } = next);
    return next.waitMs;
  });
};

test('the first ends cost no pause, many soon after each other do, up to ten seconds', () => {
  const seen = waits(20, { ranMs: 100, served: true, isLast: false });
  expect(seen.slice(0, 8)).toEqual(Array.from({ length: 8 }, () => 0));
  expect([seen[8], seen[9], seen.at(-1)]).toEqual([250, 500, 10_000]);
});

test('the last one that is left is replaced at once, however often it ends', () => {
  expect(new Set(waits(100, { ranMs: 100, served: true, isLast: true }))).toEqual(new Set([0]));
});

test('one that ran long begins a new row', () => {
  expect(replacementWait(50, { ranMs: 60_000, served: true, isLast: false })).toEqual({ waitMs: 0, row: 1 });
});

test('one that could not begin waits, the last one for a moment only', () => {
  expect(replacementWait(0, { ranMs: 10, served: false, isLast: false }).waitMs).toBe(250);
  expect(new Set(waits(100, { ranMs: 10, served: false, isLast: true }))).toEqual(new Set([250]));
});
