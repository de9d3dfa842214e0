/** 5,000 hours in which nothing is wrong but chance and blips; two minutes on one core. */
import { describe, expect, test } from 'vitest';
import { liveOrdinarily } from './false-alarms.js';

/** A machine that does other things too: alone, the longest one takes a minute and a half. */
const PATIENCE_MS = 15 * 60_000;

describe('in ordinary life, 1 % of all probes failing and a blip of 3 s every hour, nothing ever moves', () => {
  test.each([
    ['one vantage, nobody calls', { hours: 3_900, vantages: 1, standbys: 1, callers: false }],
    ['one vantage, callers are served', { hours: 900, vantages: 1, standbys: 1, callers: true }],
    ['two vantages', { hours: 100, vantages: 2, standbys: 1, callers: false }],
    ['three vantages, two standbys', { hours: 50, vantages: 3, standbys: 2, callers: false }],
    ['three vantages, callers are served', { hours: 50, vantages: 3, standbys: 1, callers: true }],
  ])(
    '%s',
    (_name, life) => {
      const simulation = liveOrdinarily({ ...life, seed: 11, noise: 0.01 });
      expect(simulation.moves).toEqual([]);
      expect(simulation.state.history).toEqual([]);
    },
    PATIENCE_MS,
  );
});
