import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planMove, retreatPath, type PlanQuestion } from '../../../src/domain/plan/plan-move.js';
import { redirectPlan } from '../../../src/domain/plan/redirect.js';
import type { Verdict } from '../../../src/domain/words.js';
import { CLUSTERS, serviceSpec } from '../../kit/fleet.js';

const question: PlanQuestion = {
  service: serviceSpec(),
  clusters: CLUSTERS,
  verdicts: { 'eu-a': 'healthy', 'us-b': 'healthy', 'ap-c': 'healthy' },
  intended: { 'eu-a': 100, 'us-b': 0, 'ap-c': 0 },
  kind: 'switchover',
  approval: 'none',
};

function planned(change: Partial<PlanQuestion>) {
  const answer = planMove({ ...question, ...change });
  if (!answer.ok) throw new Error(`${answer.code}: ${answer.message}`);
  return answer.plan;
}

function refused(change: Partial<PlanQuestion>): string {
  const answer = planMove({ ...question, ...change });
  return answer.ok ? 'planned' : answer.code;
}

describe('a plan', () => {
  test('of a switchover ramps in the planned steps and may go back', () => {
    const plan = planned({ to: 'us-b' });
    expect(plan.profile).toBe('planned');
    expect(plan.steps.map((s) => s.weights['us-b'])).toEqual([1, 5, 25, 50, 100]);
    expect(plan.steps.at(-1)?.weights).toEqual({ 'eu-a': 0, 'us-b': 100, 'ap-c': 0 });
    expect(plan.canGoBack).toBe(true);
  });

  test('of a failover away from a dead cluster is an emergency that never goes back', () => {
    const plan = planned({ kind: 'failover', verdicts: { ...question.verdicts, 'eu-a': 'dead' } });
    expect(plan).toMatchObject({
      profile: 'emergency',
      from: ['eu-a'],
      to: 'us-b',
      canGoBack: false,
      rehome: true,
      warm: false,
      alternatives: ['ap-c'],
    });
    expect(plan.steps.map((s) => s.weights['us-b'])).toEqual([25, 100]);
    expect(plan.steps[0]?.gate).toMatchObject({ deadlineMs: 3_000, undecided: 'proceed' });
  });

  test('away from a degraded cluster may go back and waits for verdicts', () => {
    const plan = planned({ kind: 'failover', verdicts: { ...question.verdicts, 'eu-a': 'degraded' } });
    expect(plan).toMatchObject({ profile: 'degraded', canGoBack: true, rehome: false });
  });

  test('passes over a standby that is not well', () => {
    expect(planned({ kind: 'failover', verdicts: { 'eu-a': 'dead', 'us-b': 'dead', 'ap-c': 'healthy' } }).to).toBe(
      'ap-c',
    );
  });

  test('of a failback leads home', () => {
    const plan = planned({ kind: 'failback', intended: { 'eu-a': 0, 'us-b': 100, 'ap-c': 0 } });
    expect(plan).toMatchObject({ from: ['us-b'], to: 'eu-a', profile: 'planned' });
    expect(plan.steps.at(-1)?.weights).toEqual({ 'eu-a': 100, 'us-b': 0, 'ap-c': 0 });
  });

  test('with several active clusters gives the share of the failed one to the rest by their room', () => {
    const service = serviceSpec({
      strategy: 'weighted',
      members: [
        { cluster: 'eu-a', role: 'active' },
        { cluster: 'us-b', role: 'active' },
        { cluster: 'ap-c', role: 'active' },
      ],
    });
    const clusters = { ...CLUSTERS, 'ap-c': { ...CLUSTERS['ap-c'], capacity: { concurrency: 192 } } };
    const plan = planned({
      service,
      clusters,
      kind: 'failover',
      intended: { 'eu-a': 40, 'us-b': 30, 'ap-c': 30 },
      verdicts: { 'eu-a': 'dead', 'us-b': 'healthy', 'ap-c': 'healthy' },
    });
    expect(plan.steps.at(-1)?.weights).toEqual({ 'eu-a': 0, 'us-b': 40, 'ap-c': 60 });
  });

  test.each<[string, Partial<PlanQuestion>, string]>([
    ['a target that is not configured', { to: 'mars' }, 'unknown-cluster'],
    ['a target that already has everything', { to: 'eu-a' }, 'already-there'],
    [
      'a target that is not healthy',
      { to: 'us-b', verdicts: { 'eu-a': 'healthy', 'us-b': 'degraded' } },
      'preflight-blocked',
    ],
    ['a target of which nothing is known', { to: 'us-b', verdicts: {} }, 'preflight-blocked'],
    [
      'no healthy target at all',
      { kind: 'failover', verdicts: { 'eu-a': 'dead', 'us-b': 'dead', 'ap-c': 'stuck' } },
      'no-target',
    ],
    ['a failback at home', { kind: 'failback' }, 'already-there'],
    [
      'a failback to a home that is not well',
      { kind: 'failback', intended: { 'us-b': 100 }, verdicts: { 'eu-a': 'starting' } },
      'preflight-blocked',
    ],
  ])('is refused for %s', (_name, change, code) => {
    expect(refused(change)).toBe(code);
  });

  test('never has all weights zero, always sums to 100, raises the target and never a cluster known dead', () => {
    const verdict = fc.constantFrom<Verdict>(
      'healthy',
      'degraded',
      'dead',
      'stuck',
      'unknown',
      'overloaded',
      'starting',
      'unreachable',
    );
    const share = fc.nat(100);
    fc.assert(
      fc.property(
        verdict,
        verdict,
        verdict,
        share,
        fc.constantFrom('failover' as const, 'switchover' as const, 'failback' as const),
        (a, b, c, pct, kind) => {
          const answer = planMove({
            ...question,
            kind,
            verdicts: { 'eu-a': a, 'us-b': b, 'ap-c': c },
            intended: { 'eu-a': pct, 'us-b': 100 - pct, 'ap-c': 0 },
          });
          if (!answer.ok) return;
          const { plan } = answer;
          for (const { weights } of plan.steps) {
            const total = Object.values(weights).reduce((x, y) => x + y, 0);
            expect(total).toBeCloseTo(100, 6);
            expect(weights[plan.to]).toBeGreaterThanOrEqual(plan.start[plan.to] ?? 0);
          }
          expect({ 'eu-a': a, 'us-b': b, 'ap-c': c }[plan.to]).toBe('healthy');
          expect(plan.from).not.toContain(plan.to);
        },
      ),
    );
  });
});

test('the retreat leads back through the steps that were taken', () => {
  const plan = planned({ to: 'us-b' });
  expect(retreatPath(plan, 3).map((w) => w['us-b'])).toEqual([25, 5, 1, 0]);
  expect(retreatPath(plan, 0).map((w) => w['us-b'])).toEqual([0]);
  expect(retreatPath(plan, -1).map((w) => w['us-b'])).toEqual([0]);
});

test('a redirected plan empties the sources and the target that failed', () => {
  const plan = planned({ kind: 'failover', verdicts: { ...question.verdicts, 'eu-a': 'dead' } });
  const next = redirectPlan(plan, { 'eu-a': 75, 'us-b': 25, 'ap-c': 0 }, ['eu-a']);
  expect(next).toMatchObject({ to: 'ap-c', alternatives: [], canGoBack: false });
  expect(next?.steps.at(-1)?.weights).toEqual({ 'eu-a': 0, 'us-b': 0, 'ap-c': 100 });
  expect(redirectPlan(plan, plan.start, ['eu-a', 'ap-c'])).toBeNull();
});
