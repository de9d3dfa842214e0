import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isCrowded, rendezvous, rendezvousUncrowded } from '../../src/domain/rendezvous.js';
import { runs } from '../kit/runs.js';

const KEYS = Array.from({ length: 4_000 }, (_, i) => `conversation-${i}`);
const homes = (weights: Record<string, number>): (string | null)[] => KEYS.map((key) => rendezvous(key, weights));
const share = (seen: (string | null)[], name: string): number =>
  (100 * seen.filter((c) => c === name).length) / seen.length;

test('nobody with a weight means nobody', () => {
  expect(rendezvous('k', {})).toBeNull();
  expect(rendezvous('k', { a: 0, b: 0 })).toBeNull();
});

test('a cluster gets its share of the conversations', () => {
  const seen = homes({ a: 10, b: 30, c: 60, d: 0 });
  for (const [name, weight] of [
    ['a', 10],
    ['b', 30],
    ['c', 60],
    ['d', 0],
  ] as const)
    expect(Math.abs(share(seen, name) - weight)).toBeLessThan(3);
});

test('only the proportion of weights counts, not their sum', () => {
  expect(homes({ a: 25, b: 75 })).toEqual(homes({ a: 1, b: 3 }));
});

test('a weight change moves only the share that must move, and only towards the raised cluster', () => {
  const weight = fc.integer({ min: 0, max: 100 });
  fc.assert(
    fc.property(fc.record({ a: weight, b: weight, c: weight }), fc.integer({ min: 1, max: 100 }), (before, more) => {
      fc.pre(before.a + before.b + before.c > 0);
      const after = { ...before, b: before.b + more };
      const was = homes(before);
      const now = homes(after);
      const moved = was.map((home, i) => [home, now[i]] as const).filter(([x, y]) => x !== y);
      expect(moved.every(([, to]) => to === 'b')).toBe(true);
      const total = (w: typeof before): number => w.a + w.b + w.c;
      const mustMove = after.b / total(after) - before.b / total(before);
      expect(Math.abs(moved.length / KEYS.length - mustMove)).toBeLessThan(0.04);
    }),
    { numRuns: runs(15) },
  );
});

test('losing a cluster moves its conversations and no others', () => {
  const was = homes({ a: 50, b: 30, c: 20 });
  const now = homes({ a: 50, b: 0, c: 20 });
  was.forEach((home, i) => {
    if (home !== 'b') expect(now[i]).toBe(home);
  });
});

test.each([
  // 1.25 x its share, and 4 more: a half of 40 is 29.
  ['at the bound', { running: 29, total: 40, share: 0.5 }, false],
  ['one above it', { running: 30, total: 40, share: 0.5 }, true],
  ['few, and all of them', { running: 5, total: 2, share: 0.5 }, false],
  ['a small share', { running: 7, total: 40, share: 0.05 }, true],
  ['alone', { running: 1_000, total: 1_000, share: 1 }, false],
])('crowded? %s', (_name, seen, crowded) => expect(isCrowded(seen)).toBe(crowded));

test('a hot key fills no cluster: it goes on by its order, and every cluster stays within its bound', () => {
  const weights = { a: 50, b: 30, c: 20, d: 0 };
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 1, max: 400 }), (key, requests) => {
      const running = new Map<string, number>();
      for (let i = 0; i < requests; i++) {
        const home = rendezvousUncrowded(key, weights, (name) => running.get(name) ?? 0) ?? 'nobody';
        running.set(home, (running.get(home) ?? 0) + 1);
      }
      for (const [name, count] of running)
        expect(count).toBeLessThanOrEqual(1.25 * ((weights[name as 'a'] ?? 0) / 100) * requests + 5);
    }),
    { numRuns: runs(20) },
  );
});

test('while nobody is crowded a key is at home', () => {
  for (const key of KEYS.slice(0, 500))
    expect(rendezvousUncrowded(key, { a: 50, b: 30, c: 20 }, () => 3)).toBe(rendezvous(key, { a: 50, b: 30, c: 20 }));
  expect(rendezvousUncrowded('k', { a: 0 }, () => 9)).toBeNull();
});
