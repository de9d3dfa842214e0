import { expect, test } from 'vitest';
import { figuresOf, type Played } from '../bench/outage/figures.js';
import type { LoadResult } from '../../src/simulator/load-request.js';

const ok: LoadResult = {
  number: 1,
  status: 200,
  servedBy: 'one',
  verdict: 'ok',
  code: null,
  stream: true,
  startedAtMs: 0,
  firstByteAtMs: 20,
  lastTokenAtMs: 900,
  endedAtMs: 1_000,
  gapMsMax: 20,
  continued: false,
};
const continued = (gapMsMax: number): LoadResult => ({ ...ok, continued: true, gapMsMax });
const lost: LoadResult = { ...ok, verdict: 'lost', code: 'http-503', startedAtMs: 400, endedAtMs: 600 };

const played: Played = {
  results: [ok, continued(110)],
  feltAtMs: [500],
  takenMax: 0,
  detectionMs: 10,
  firstTokenMsP50: 100,
};
const round = (change: Partial<Played>): Played => ({ ...played, ...change });

test.each<[string, readonly Played[], object]>([
  ['at the goal', [round({ results: [continued(130)] })], { gapGoalMs: 130, ownMsP50: 20, met: true }],
  ['beyond it', [round({ results: [continued(131)] })], { gapGoalMs: 130, ownMsP50: 21, met: false }],
  ['nothing broke that should have', [round({ results: [ok] })], { gapMs: null, met: false }],
  [
    'no stream was to break',
    [round({ results: [ok], detectionMs: null })],
    { gapMs: null, gapGoalMs: null, met: true },
  ],
  ['one lost', [round({ results: [continued(20), lost] })], { lost: 1, failures: { 'http-503': 1 }, met: false }],
  [
    'one lost with its process',
    [round({ results: [continued(20), lost], takenMax: 1 })],
    { lost: 1, taken: 1, met: true },
  ],
  [
    'one lost that was not under way then',
    [round({ results: [continued(20), lost], takenMax: 1, feltAtMs: [900] })],
    { lost: 1, taken: 0, met: false },
  ],
  [
    'rounds are taken together',
    [
      round({ results: [continued(300)], detectionMs: 30, firstTokenMsP50: 90 }),
      round({ results: [continued(100), continued(120)], detectionMs: 10, firstTokenMsP50: 100 }),
      round({ results: [ok, continued(80)], detectionMs: 20, firstTokenMsP50: null }),
    ],
    {
      requests: 5,
      continued: 4,
      detectionMs: 20,
      firstTokenMsP50: 90,
      gapMs: { p50: 100, p95: 300, p99: 300, max: 300 },
    },
  ],
])('figures of bench:outage: %s', (_name, rounds, seen) => {
  expect(figuresOf('kill', rounds)).toMatchObject(seen);
});
