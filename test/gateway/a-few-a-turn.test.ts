import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { aFewATurn } from '../../src/gateway/request/a-few-a-turn.js';

/** In the order in which they went. */
const went: string[] = [];

/** What the test before let through is forgotten. */
beforeEach(async () => {
  await nextTurn();
  await nextTurn();
  went.length = 0;
});

async function come(name: string, begun: boolean): Promise<void> {
  const turn = aFewATurn({ begun });
  if (turn !== null) await turn;
  went.push(name);
}

const several = (name: string, count: number, begun: boolean): Promise<void>[] =>
  Array.from({ length: count }, async (_, i) => await come(`${name}${i}`, begun));

test('what goes alone goes at once', async () => {
  expect(aFewATurn({ begun: true })).toBeNull();
});

test('of a crowd a few go in each turn, in the order of their coming', async () => {
  const all = Promise.all(several('s', 10, true));
  expect(went).toEqual(['s0', 's1', 's2', 's3']);
  await nextTurn();
  await Promise.resolve();
  expect(went.length).toBeLessThan(10);
  await all;
  expect(went).toEqual(Array.from({ length: 10 }, (_, i) => `s${i}`));
});

test('broken streams go before those who have nothing yet, and nobody is forgotten', async () => {
  const all = [...several('other', 6, false), ...several('stream', 6, true)];
  await Promise.all(all);
  expect(went.slice(0, 4)).toEqual(['other0', 'other1', 'other2', 'other3']);
  expect(went.slice(4, 10)).toEqual(Array.from({ length: 6 }, (_, i) => `stream${i}`));
  expect(went.slice(10)).toEqual(['other4', 'other5']);
});
