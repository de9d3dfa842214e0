/** Keys that wait for room take turns: one that sends many requests keeps nobody else out. */
import { expect, test } from 'vitest';
import type { Choice } from '../../src/gateway/service/member.js';
import { WaitQueue, type Claimant, type Waiting } from '../../src/gateway/service/wait-queue.js';

const LIMITS = { waitingMax: 16, waitMs: 60_000 };

/** A queue whose room is given out one place at a time; what is granted or refused is noted. */
function scene(): {
  readonly served: string[];
  readonly refused: string[];
  come(owner: string | null, tried?: string): Waiting;
  room(): void;
} {
  const [queue, served, refused]: [WaitQueue, string[], string[]] = [new WaitQueue(), [], []];
  let arrival = 0;
  return {
    served,
    refused,
    come: (owner, tried) => {
      const name = `${owner ?? 'anybody'}-${++arrival}`;
      const claimant: Claimant = {
        owner,
        key: name,
        tried: new Set(tried === undefined ? [] : [tried]),
        begun: false,
        priority: 'normal',
        arrival,
      };
      const waiting = queue.join(claimant, LIMITS);
      void waiting.granted.then((choice) => void (choice === null ? refused.push(name) : undefined));
      return waiting;
    },
    room: () => {
      let left = 1;
      queue.serve(({ key }) => {
        if (left-- <= 0) return null;
        served.push(key ?? '');
        return {} as Choice;
      });
    },
  };
}

test('a key that fills the queue gives way to another one, and its own order stays', async () => {
  const { served, refused, come, room } = scene();
  for (let i = 0; i < 30; i += 1) come('flood');
  for (let i = 0; i < 2; i += 1) come('other');
  for (let i = 0; i < 6; i += 1) room();
  await Promise.resolve();
  expect(served).toEqual(['flood-1', 'other-31', 'flood-2', 'other-32', 'flood-3', 'flood-4']);
  expect(refused.filter((name) => name.startsWith('other'))).toEqual([]);
  expect(refused.slice(-2)).toEqual(['flood-16', 'flood-15']);
  come('flood');
  for (let i = 0; i < 20; i += 1) room();
  expect(served.slice(6).map((name) => Number(name.split('-')[1]))).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 33]);
});

test('who comes when others have waited for long does not have to wait for all of them, nor they for him', () => {
  const { served, come, room } = scene();
  for (let i = 0; i < 6; i += 1) come('early');
  for (let i = 0; i < 3; i += 1) room();
  for (let i = 0; i < 3; i += 1) come('late');
  for (let i = 0; i < 6; i += 1) room();
  expect(served.slice(3)).toEqual(['early-4', 'late-7', 'early-5', 'late-8', 'early-6', 'late-9']);
});

test('a second try is next, and without keys all wait in one row', () => {
  const first = scene();
  for (let i = 0; i < 4; i += 1) first.come('many');
  first.come('many', 'a');
  for (let i = 0; i < 5; i += 1) first.room();
  expect(first.served.indexOf('many-5')).toBeLessThan(2);
  const { served, come, room } = scene();
  for (let i = 0; i < 3; i += 1) come(null);
  for (let i = 0; i < 3; i += 1) room();
  expect(served).toEqual(['anybody-1', 'anybody-2', 'anybody-3']);
});
