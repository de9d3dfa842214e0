/** Hundreds of hours in which nothing is wrong but chance and blips; thousands with `npm run test:long`. */
import { describe, expect, test } from 'vitest';
import { patienceMs, runs, SEED } from '../kit/runs.js';
import { liveOrdinarily } from './false-alarms.js';

/** For a core that is shared with much else. */
const PATIENCE_MS = patienceMs(180_000);

describe('in ordinary life, 1 % of all probes failing and a blip of 3 s every hour, nothing ever moves', () => {
  test.each([
    ['one vantage, nobody calls', { hours: runs(600), vantages: 1, standbys: 1, callers: false }],
    ['one vantage, callers are served', { hours: runs(120), vantages: 1, standbys: 1, callers: true }],
    ['two vantages', { hours: runs(25), vantages: 2, standbys: 1, callers: false }],
    ['three vantages, two standbys', { hours: runs(12), vantages: 3, standbys: 2, callers: false }],
    ['three vantages, callers are served', { hours: runs(12), vantages: 3, standbys: 1, callers: true }],
  ])(
    '%s',
    (_name, life) => {
      const simulation = liveOrdinarily({ ...life, seed: 10 + SEED, noise: 0.01 });
      expect(simulation.moves, `UNDERSTUDY_TEST_SEED=${SEED}`).toEqual([]);
      expect(simulation.state.history).toEqual([]);
    },
    PATIENCE_MS,
  );
});
