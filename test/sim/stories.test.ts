/**
 * The rules must hold for any numbers, not for those of the recorded traces: every story with other onsets, noise, load,
 * intervals and vantages. A failure prints the weather; `tell(story, weather)` writes that trace again.
 */
import { describe, expect, test } from 'vitest';
import { settingsOf } from '../../src/cli/simulate/run-trace.js';
import { Simulation } from '../../src/domain/simulation/simulate.js';
import { runs, SEED } from '../kit/runs.js';
import { misses } from './expectation.js';
import { randomFrom, type Random } from './random.js';
import { STORIES, tell, TWO_STANDBYS, type Story, type Weather } from './stories.js';

const RUNS = runs(8);
/** Enough to see what they have in common. */
const SHOWN_MAX = 3;

function weatherFor(story: Story, standbys: 1 | 2, random: Random): Weather {
  return {
    seed: random.whole(1, 2 ** 30),
    onset: random.whole(120, 300),
    noise: random.pick([0, 0.005, 0.01, 0.02]),
    load: random.pick(story.load === 'some' ? [3, 12, 40] : [0, 0.5, 3, 12, 40]),
    vantages: random.pick([1, 2, 3, 5]),
    interval: random.pick([1, 2, 5]),
    jitter: random.pick([0, 0.2]),
    standbys,
    badShare: random.pick([0.3, 0.5, 0.9]),
  };
}

function check(story: Story, weather: Weather): string[] {
  const { header, ticks } = tell(story, weather);
  const { service, clusters } = settingsOf(header, story.name);
  const simulation = new Simulation(service, clusters);
  for (const tick of ticks) simulation.take(tick);
  return misses(header, simulation.result());
}

const told = [
  ...STORIES.map((story) => [story.name, story, 1] as const),
  ...TWO_STANDBYS.map((story) => [story.name, story, 2] as const),
];

describe('in any weather', () => {
  test.each(told)('%s', (name, story, standbys) => {
    const random = randomFrom([...name].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 6 + SEED));
    const wrong = Array.from({ length: RUNS }, () => weatherFor(story, standbys, random))
      .map((weather) => ({ weather, misses: check(story, weather) }))
      .filter((run) => run.misses.length > 0);
    const shown = wrong.slice(0, SHOWN_MAX).map((run) => `${run.misses.join('; ')} in ${JSON.stringify(run.weather)}`);
    expect(shown, `${wrong.length} of ${RUNS} (UNDERSTUDY_TEST_SEED=${SEED})`).toEqual([]);
  });
});
