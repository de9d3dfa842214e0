/** Some cases of every boundary; `npm run fuzz` plays as many as there is time for. */
import { expect, test } from 'vitest';
import { BOUNDARIES } from './boundaries.js';
import { describeFind, run } from './run.js';

const CASES = 30;
const SEED = 1;

test.each(BOUNDARIES.map((boundary) => [boundary.name, boundary] as const))('%s', async (_name, boundary) => {
  const { played, finds } = await run(boundary, { seed: SEED, cases: CASES });
  expect(finds.map(describeFind)).toEqual([]);
  expect(played).toBe(CASES);
});
