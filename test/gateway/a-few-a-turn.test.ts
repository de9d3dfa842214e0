import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { turnOfCount, turnOfRest, turnOfWhole } from '../../src/gateway/request/a-few-a-turn.js';

/** In the order in which they went. */
const went: string[] = [];

/** What the test before let through is forgotten. */
beforeEach(async () => {
  await nextTurn();
  await nextTurn();
  went.length = 0;
});

async function come(name: string, turn: () => Promise<void> | null): Promise<void> {
  const waits = turn();
  if (waits !== null) await waits;
  went.push(name);
}

const several = (name: string, count: number, turn: () => Promise<void> | null): Promise<void>[] =>
  Array.from({ length: count }, async (_, i) => await come(`${name}${i}`, turn));
const names = (name: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${name}${i}`);

test('the rest of a stream that goes alone goes at once, a whole answer in the next turn', async () => {
  expect(turnOfRest()).toBeNull();
  const whole = come('whole', turnOfWhole);
  expect(went).toEqual([]);
  await nextTurn();
  await whole;
});

test('of a crowd a few go in each turn, in the order of their coming', async () => {
  const all = Promise.all(several('rest', 10, turnOfRest));
  expect(went).toEqual(names('rest', 4));
  await nextTurn();
  await Promise.resolve();
  expect(went.length).toBeLessThan(10);
  await all;
  expect(went).toEqual(names('rest', 10));
});

test('the rests of broken streams go first, those who have nothing yet last, and nobody is forgotten', async () => {
  const all = [...several('whole', 6, turnOfWhole), ...several('count', 6, turnOfCount)];
  await Promise.all([...all, ...several('rest', 6, turnOfRest)]);
  expect(went).toEqual([...names('rest', 6), ...names('count', 6), ...names('whole', 6)]);
});
