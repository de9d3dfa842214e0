import { expect, test } from 'vitest';
import { judgePreflight, type PreflightFacts } from '../../../src/domain/plan/judge-preflight.js';
import type { TrafficState } from '../../../src/domain/traffic.js';

const start = { 'eu-a': 100, 'us-b': 0 };
const layer: TrafficState = {
  service: 'chat',
  epoch: 3,
  intended: start,
  effective: start,
  changedAtMs: 1,
  clusters: {},
  callers: 'unknown',
};
const fit: PreflightFacts = {
  completion: { ok: true, why: 'first token after 80 ms' },
  identity: 'm',
  expectedModel: 'm',
  layer,
  demand: 25,
  capacity: 64,
};

test.each<[string, Partial<PreflightFacts>, number, number]>([
  ['fit', {}, 0, 0],
  ['no completion', { completion: { ok: false, why: 'timeout' } }, 1, 0],
  ['another model', { identity: 'n' }, 1, 0],
  ['an identity that is not told blocks nothing', { identity: 'unknown' }, 0, 0],
  ['just enough room: 2 x 25 <= 0.8 x 64', { demand: 25 }, 0, 0],
  ['one too many', { demand: 26 }, 0, 1],
  ['unknown demand is no concern', { demand: 'unknown' }, 0, 0],
  ['a layer that holds other weights', { layer: { ...layer, intended: { 'eu-a': 50, 'us-b': 50 } } }, 0, 1],
])('%s', (_name, change, blockers, concerns) => {
  const verdict = judgePreflight({ ...fit, ...change }, { to: 'us-b', profile: 'planned', start });
  expect([verdict.blockers.length, verdict.concerns.length]).toEqual([blockers, concerns]);
});
