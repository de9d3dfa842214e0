import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Roll, type Listed } from '../../src/gateway/roll.js';

test('whoever came and did not leave is there, in whatever order they go', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 9 }), { maxLength: 200 }), (moves) => {
      const roll = new Roll<Listed>();
      const all = Array.from({ length: 10 }, (): Listed => ({ place: 0 }));
      const there = new Set<Listed>();
      for (const one of moves.map((i) => all[i])) {
        if (one === undefined) continue;
        if (there.delete(one)) roll.remove(one);
        else {
          there.add(one);
          roll.add(one);
        }
        expect(new Set(roll.list())).toEqual(there);
        expect(roll.list()).toHaveLength(there.size);
      }
    }),
  );
});

test('who is not there cannot be taken off, and takes nobody along', () => {
  const roll = new Roll<Listed>();
  const [a, b] = [{ place: 0 }, { place: 0 }];
  roll.add(a);
  roll.remove(b);
  expect(roll.list()).toEqual([a]);
  roll.remove(a);
  roll.remove(a);
  expect(roll.list()).toEqual([]);
});
