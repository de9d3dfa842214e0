import { describe, expect, test } from 'vitest';
import { judgePreflight, type PreflightFacts, type Sight } from '../../../src/domain/plan/judge-preflight.js';
import { nextTarget } from '../../../src/domain/plan/redirect.js';
import type { MovePlan } from '../../../src/domain/plan/types.js';
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
  doubts: {},
};
const plan = { to: 'us-b', from: ['eu-a'], kind: 'switchover', profile: 'planned', start, alternatives: [] } as const;
const sight: Sight = { witness: 'callers', members: ['eu-a', 'us-b', 'ap-c'], illBefore: [] };

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
  const verdict = judgePreflight({ ...fit, ...change }, plan, sight);
  expect([verdict.blockers.length, verdict.concerns.length]).toEqual([blockers, concerns]);
});

const longPlan: MovePlan = {
  ...plan,
  kind: 'failover',
  service: 'chat',
  steps: [
    {
      name: '100 %',
      weights: { 'us-b': 100 },
      gate: { bakeMs: 0, deadlineMs: 1, undecided: 'proceed', slowFirstTokenMs: null },
    },
  ],
  canGoBack: false,
  alternatives: ['ap-c'],
  warm: false,
  rehome: true,
  approval: 'none',
  approvalTimeoutMs: 1,
  drainTimeoutMs: 1,
};
const emergency = { ...plan, kind: 'failover', profile: 'emergency' } as const;
const degraded = { ...plan, kind: 'failover', profile: 'degraded' } as const;
const doubts = { 'us-b': { why: 'http: no answer: timeout (just now)', isNew: true } };

test.each<[string, Parameters<typeof judgePreflight>[1], Partial<PreflightFacts>, number, number, boolean]>([
  ['an emergency asks somebody else first', { ...emergency, alternatives: ['ap-c'] }, {}, 1, 0, true],
  ['an emergency goes when nobody else is left', emergency, {}, 0, 1, false],
  ['a cluster that limps is not left for one in doubt', degraded, {}, 1, 0, false],
  ['a person is asked', plan, {}, 0, 1, false],
  ['no answer is more than a doubt', degraded, { completion: { ok: false, why: 'timeout' } }, 2, 0, false],
])('a target in doubt: %s', (_name, move, change, blockers, concerns, onlyDoubted) => {
  const verdict = judgePreflight({ ...fit, doubts, ...change }, move, sight);
  expect([verdict.blockers.length, verdict.concerns.length, verdict.onlyDoubted]).toEqual([
    blockers,
    concerns,
    onlyDoubted,
  ]);
});

describe('more than half of the members look bad, and only probes say so', () => {
  const others = { 'ap-c': { why: 'http: no answer: timeout (just now)', isNew: true } };
  const blockersOf = (change: Partial<Sight>, move: Parameters<typeof judgePreflight>[1] = emergency) =>
    judgePreflight({ ...fit, doubts: others }, move, { ...sight, witness: 'probes', ...change }).blockers;

  test('nothing moves', () => {
    expect(blockersOf({})).toEqual([
      'ap-c is in doubt too (http: no answer: timeout (just now)), and no caller confirms any of it: most likely the observer is at fault',
    ]);
  });

  test.each<[string, readonly string[]]>([
    ['callers confirm it', blockersOf({ witness: 'callers' })],
    ['the doubted one was bad before', blockersOf({ illBefore: ['ap-c'] })],
    ['it is half of them', blockersOf({ members: ['eu-a', 'us-b', 'ap-c', 'sa-d'] })],
    ['a person ordered it', blockersOf({}, plan)],
  ])('unless %s', (_name, blockers) => expect(blockers).toEqual([]));
});

test('however many targets are in doubt, every one is asked a bounded number of times', () => {
  const all = { 'us-b': doubts['us-b'], 'ap-c': doubts['us-b'] };
  for (const profile of ['emergency', 'degraded'] as const) {
    const deferred = new Set<string>();
    let move: MovePlan | null = { ...longPlan, profile };
    let asked = 0;
    for (; move !== null && asked < 10; asked += 1) {
      const fresh: MovePlan = { ...move, alternatives: move.alternatives.filter((name) => !deferred.has(name)) };
      const { blockers, onlyDoubted } = judgePreflight({ ...fit, doubts: all }, fresh, sight);
      if (blockers.length === 0) break;
      if (onlyDoubted) deferred.add(move.to);
      move = nextTarget(move, { keep: onlyDoubted, down: ['eu-a'] });
    }
    expect([profile, asked, move?.to]).toEqual(
      profile === 'emergency' ? [profile, 1, 'ap-c'] : [profile, 2, undefined],
    );
  }
});
