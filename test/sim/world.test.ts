/**
 * The decision core in worlds in which everything goes wrong, from seeds. `npm run sim -- --seed 7` tells the story of one
 * seed, and is what a failure prints.
 */
import { describe, expect, test } from 'vitest';
import { runWorld } from './run-world.js';

/** More on demand: 1,000 take six minutes. */
const SEEDS = Number(process.env['SIM_SEEDS'] ?? 24);
const HOURS = 8;

describe('in a world in which everything breaks', () => {
  test(`no invariant is broken in ${SEEDS * HOURS} hours`, () => {
    let moves = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const run = runWorld({ seed, hours: HOURS });
      moves += run.moves;
      expect(run.broken, `npm run sim -- --seed ${seed} --hours ${HOURS}\n${run.story.join('\n')}`).toEqual([]);
    }
    // A world in which nothing happens proves nothing.
    expect(moves).toBeGreaterThan(SEEDS * 3);
  });

  test('the same seed tells the same story', () => {
    const [one, two] = [runWorld({ seed: 3, hours: 2 }), runWorld({ seed: 3, hours: 2 })];
    expect(one.story).toEqual(two.story);
  });
});
