/**
 * The rules must hold for any numbers, not for those of the recorded traces: every story with other onsets, noise, load,
 * intervals and vantages. A failure prints the weather; `tell(story, weather)` writes that trace again.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { settingsOf } from '../../src/cli/simulate/run-trace.js';
import { Simulation } from '../../src/domain/simulation/simulate.js';
import { misses } from './expectation.js';
import { STORIES, tell, TWO_STANDBYS, type Story, type Weather } from './stories.js';

const RUNS = Number(process.env['STORY_RUNS'] ?? 40);

/** One vantage alone cannot tell noise from a fault as well as three can, so it gets less of it. */
const weathers = (story: Story, standbys: 1 | 2): fc.Arbitrary<Weather> =>
  fc.record({
    seed: fc.integer({ min: 1, max: 2 ** 31 }),
    onset: fc.integer({ min: 120, max: 300 }),
    noise: fc.constantFrom(0, 0.005, 0.01, 0.02),
    load: story.load === 'some' ? fc.constantFrom(3, 12, 40) : fc.constantFrom(0, 0.5, 3, 12, 40),
    vantages: fc.constantFrom(1, 2, 3, 5),
    interval: fc.constantFrom(1, 2, 5),
    jitter: fc.constantFrom(0, 0.2),
    standbys: fc.constant(standbys),
    badShare: fc.constantFrom(0.3, 0.5, 0.9),
  });

function check(story: Story, weather: Weather): string[] {
  const { header, ticks } = tell(story, weather);
  const { service, clusters } = settingsOf(header, story.name);
  const simulation = new Simulation(service, clusters);
  for (const tick of ticks) simulation.take(tick);
  return misses(header, simulation.result());
}

const told = [
  ...STORIES.map((story) => [story.name, story, 1 as const] as const),
  ...TWO_STANDBYS.map((story) => [story.name, story, 2 as const] as const),
];

describe('in any weather', () => {
  test.each(told)('%s', (_name, story, standbys) => {
    fc.assert(
      fc.property(weathers(story, standbys), (weather) => {
        expect(check(story, weather)).toEqual([]);
      }),
      { numRuns: RUNS, seed: 20_260_101 },
    );
  });
});
