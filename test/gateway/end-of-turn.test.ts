/** Writes that come together go out together, in order, and one that fails keeps none of the others back. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { faults } from '../../src/gateway/boundary.js';
import { atEndOfTurn } from '../../src/gateway/end-of-turn.js';

let went: string[] = [];
const write = (name: string) => (): void => void went.push(name);

/** More turns with one write than any rule may ask for. */
async function quietTurns(): Promise<void> {
  for (let i = 0; i < 100; i++) {
    atEndOfTurn(() => undefined);
    await nextTurn();
  }
}

/** From now on there is something to gather. */
async function busyTurn(): Promise<void> {
  atEndOfTurn(() => undefined);
  atEndOfTurn(() => undefined);
  await nextTurn();
  await nextTurn();
}

beforeEach(async () => {
  await quietTurns();
  went = [];
});

test('where turns have one write each, it does not wait', () => {
  atEndOfTurn(write('a'));
  expect(went).toEqual(['a']);
});

test('several in one turn go out at its end, in their order, after all else that the turn does', async () => {
  await busyTurn();
  for (const name of ['a', 'b', 'c']) atEndOfTurn(write(name));
  await Promise.resolve().then(() => atEndOfTurn(write('d')));
  process.nextTick(() => atEndOfTurn(write('e')));
  expect(went).toEqual([]);
  await nextTurn();
  expect(went).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test('what a write asks for goes out in the next turn, once', async () => {
  await busyTurn();
  atEndOfTurn(() => {
    went.push('a');
    atEndOfTurn(write('b'));
  });
  await nextTurn();
  await nextTurn();
  await nextTurn();
  expect(went).toEqual(['a', 'b']);
});

test('after a busy turn a single write waits for the end of its turn; after many quiet ones it does not', async () => {
  await busyTurn();
  atEndOfTurn(write('a'));
  expect(went).toEqual([]);
  await nextTurn();
  expect(went).toEqual(['a']);
  await quietTurns();
  atEndOfTurn(write('b'));
  expect(went).toEqual(['a', 'b']);
});

test('one that throws is counted, and swallows none of those behind it', async () => {
  const before = faults.byPlace['request'] ?? 0;
  await busyTurn();
  for (const name of ['a', 'b', 'c', 'd']) {
    atEndOfTurn(() => {
      went.push(name);
      if (name === 'b' || name === 'c') throw new Error(name);
    });
  }
  for (let i = 0; i < 4; i++) await nextTurn();
  expect(went).toEqual(['a', 'b', 'c', 'd']);
  expect(faults.byPlace['request']).toBe(before + 2);
});
