/** A fuzzer that finds nothing proves nothing: each kind of fault that it looks for is planted in a server, and found. */
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { clusterAnswers } from './cluster-answers.js';
import { run } from './run.js';

const PLANTED = resolve(import.meta.dirname, 'planted.mjs');
const CASES_MAX = 600;

test.each([
  ['throws', /process ended/],
  ['keeps-places', /places were not given back/],
  ['mixes', /got words of/],
  ['lies', /no answer by the book/],
  ['tells', /gateway-fault: planted/],
])('a server that %s is found out', async (fault, what) => {
  const { finds } = await run(clusterAnswers(1, { program: [PLANTED, fault], idleMsMax: 2_000 }), {
    seed: 1,
    cases: CASES_MAX,
  });
  expect(finds.map(({ broken }) => broken.message)).toEqual([expect.stringMatching(what)]);
});
