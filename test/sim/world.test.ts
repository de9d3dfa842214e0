/**
 * The decision core in worlds in which everything goes wrong, from seeds. `npm run sim -- --seed 7` tells the story of one
 * seed, and is what a failure prints.
 */
import { describe, expect, test } from 'vitest';
import { patienceMs, runs, SEED } from '../kit/runs.js';
import { runWorld } from './run-world.js';

/** 400 hours; `npm run test:long` lives through more, from other seeds. */
const SEEDS = runs(50);
const FIRST = (SEED - 1) * SEEDS + 1;
const HOURS = 8;
/** For a core that is shared with much else. */
const PATIENCE_MS = patienceMs(180_000);

describe('in a world in which everything breaks', () => {
  test(
    `no invariant is broken in ${SEEDS * HOURS} hours, seeds ${FIRST} to ${FIRST + SEEDS - 1}`,
    () => {
      let moves = 0;
      for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) {
        const run = runWorld({ seed, hours: HOURS });
        moves += run.moves;
        expect(run.broken, `npm run sim -- --seed ${seed} --hours ${HOURS}\n${run.story.join('\n')}`).toEqual([]);
      }
      // A world in which nothing happens proves nothing.
      expect(moves).toBeGreaterThan(SEEDS * 3);
    },
    PATIENCE_MS,
  );

  test('the same seed tells the same story', () => {
    const [one, two] = [runWorld({ seed: 3, hours: 2 }), runWorld({ seed: 3, hours: 2 })];
    expect(one.story).toEqual(two.story);
  });
});
