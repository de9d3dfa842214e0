/** When not to act: panic, damping, maintenance, the brake of the fleet, and trouble that is only told. */
import { describe, expect, test } from 'vitest';
import {
  calmAtMs,
  DEGRADED_PENALTY_MAX,
  FAILBACK_PENALTY_MAX,
  NO_PENALTY,
  penaltyAt,
  punish,
} from '../../../src/domain/guard/damping.js';
import { AT_ONCE_MS } from '../../../src/domain/health/doubt.js';
import { CALM } from '../../../src/domain/governor/fleet-view.js';
import { AWAY, HOME, me, MIN, Scene } from '../../kit/guard-scene.js';
import { serviceSpec } from '../../kit/fleet.js';
import { FLAP_HALF_LIFE_MS } from '../../../src/domain/fleet.js';

const maintenance = (cluster: string, forMs: number) =>
  ({ kind: 'maintenance', cluster, forMs, attribution: { ...me, reason: 'new GPUs' } }) as const;

describe('more than half of the clusters go bad at once', () => {
  test('and only probes say so: nothing moves, people are paged', () => {
    const scene = new Scene().verdict('us-b', 'dead').pass(10_000).verdict('eu-a', 'dead');
    expect(scene.running).toBe('none');
    expect(scene.why).toBe(
      'eu-a, us-b: more than half of the clusters of chat went bad within 30 s, and no caller confirms it; most likely the observer is at fault, so nothing moves until it clears or a person orders it',
    );
    expect(scene.told('eu-a is dead')).toHaveLength(1);
  });

  test('and callers confirm it: it is real, the one that is left takes over', () => {
    const scene = new Scene().verdict('us-b', 'dead').pass(10_000).confirmed('eu-a', 'dead');
    expect(scene.running).toBe('failover eu-a>ap-c');
    expect(scene.state.move?.input.witness).toBe('callers');
  });

  test('and callers confirm it a moment later: it moves then', () => {
    const scene = new Scene().verdict('us-b', 'dead').verdict('eu-a', 'dead');
    expect(scene.running).toBe('none');
    expect(scene.pass(4_000).confirmed('eu-a', 'dead').running).toBe('failover eu-a>ap-c');
  });

  test('a person may order a failover all the same', () => {
    const scene = new Scene().verdict('us-b', 'dead').verdict('eu-a', 'dead').order('failover');
    expect(scene.running).toBe('failover eu-a>ap-c');
  });

  test('it clears: what is still bad is acted on', () => {
    const scene = new Scene().verdict('us-b', 'dead').verdict('eu-a', 'dead').pass(MIN).verdict('us-b', 'healthy');
    expect(scene.running).toBe('failover eu-a>ap-c');
  });

  test.each([
    ['just within the time', AT_ONCE_MS, 'none'],
    ['a moment later: the first one is no target, no more', AT_ONCE_MS + 1, 'failover eu-a>ap-c'],
  ])('%s', (_name, ms, running) => {
    expect(new Scene().verdict('us-b', 'dead').pass(ms).verdict('eu-a', 'dead').running).toBe(running);
  });

  test('a cluster whose verdict changes, or that restarts again and again, went bad once', () => {
    const scene = new Scene().verdict('us-b', 'stuck').pass(MIN).verdict('us-b', 'dead').verdict('us-b', 'starting');
    expect(scene.verdict('us-b', 'dead').verdict('eu-a', 'dead').running).toBe('failover eu-a>ap-c');
  });
});

describe('the penalty of a restless service', () => {
  const usual = serviceSpec();

  test.each([
    ['every quarter of an hour', usual, FLAP_HALF_LIFE_MS],
    ['as often as is configured', { ...usual, failback: { ...usual.failback, flapHalfLifeMs: MIN } }, MIN],
  ])('halves %s', (_what, spec, halfLifeMs) => {
    const penalty = punish(NO_PENALTY, 1_000, 5, spec);
    expect(penaltyAt(penalty, 5 + halfLifeMs, spec)).toBeCloseTo(500);
    expect(penaltyAt(penalty, 5 + 2 * halfLifeMs, spec)).toBeCloseTo(250);
  });

  test('is below a bound at the time that is told, and not before', () => {
    const penalty = punish(NO_PENALTY, 3_000, 0, usual);
    const at = calmAtMs(penalty, FAILBACK_PENALTY_MAX, 0, usual);
    expect(penaltyAt(penalty, at, usual)).toBeLessThan(FAILBACK_PENALTY_MAX);
    expect(penaltyAt(penalty, at - 10, usual)).toBeGreaterThanOrEqual(FAILBACK_PENALTY_MAX);
    expect(calmAtMs(penalty, FAILBACK_PENALTY_MAX, at, usual)).toBe(at);
  });

  test('grows by a failover, and by a verdict that healed itself, but not during maintenance', () => {
    const scene = new Scene().verdict('eu-a', 'dead').endMove('done', AWAY).verdict('eu-a', 'healthy');
    expect(penaltyAt(scene.state.penalty, scene.now, scene.state.spec)).toBe(1_500);
    scene.hear(maintenance('eu-a', MIN)).verdict('eu-a', 'dead').verdict('eu-a', 'healthy');
    expect(penaltyAt(scene.state.penalty, scene.now, scene.state.spec)).toBe(1_500);
  });

  test('does not grow by a failover that touched nothing, nor by what a person ordered', () => {
    const stopped = new Scene().verdict('eu-a', 'dead').endMove('failed', HOME);
    const ordered = new Scene().order('switchover', 'us-b').endMove('done', AWAY);
    expect([stopped.state.penalty.value, ordered.state.penalty.value]).toEqual([0, 0]);
  });

  const flapping = (times: number): Scene => {
    const scene = new Scene({ failback: { policy: 'auto', soakMs: MIN } })
      .verdict('eu-a', 'dead')
      .endMove('done', AWAY);
    for (let i = 0; i < times; i += 1) scene.verdict('eu-a', 'healthy').pass(1_000).verdict('eu-a', 'dead').pass(1_000);
    return scene.verdict('eu-a', 'healthy');
  };

  test(`from ${FAILBACK_PENALTY_MAX} on nothing goes home by itself, until it has calmed down`, () => {
    const scene = flapping(4);
    expect(penaltyAt(scene.state.penalty, scene.now, scene.state.spec)).toBeGreaterThan(FAILBACK_PENALTY_MAX);
    expect(scene.state.failback?.why).toContain('restless lately');
    expect(scene.pass(5 * MIN).running).toBe('none');
    expect(scene.pass(20 * MIN).running).toBe('failback us-b>eu-a');
  });

  test(`from ${DEGRADED_PENALTY_MAX} on a person must agree to leave a cluster that limps, never one that is dead`, () => {
    const limping = flapping(8).pass(MIN).confirmed('us-b', 'degraded');
    expect(limping.state.move?.input.plan).toMatchObject({ kind: 'failover', approval: 'required' });
    const dead = flapping(8).pass(MIN).confirmed('us-b', 'dead');
    expect(dead.state.move?.input.plan).toMatchObject({ kind: 'failover', approval: 'none' });
  });

  test('a question about a limping cluster gives way when that cluster dies', () => {
    const scene = flapping(8).pass(MIN).confirmed('us-b', 'degraded').asking().confirmed('us-b', 'dead');
    expect(scene.commands.at(-1)).toMatchObject({ kind: 'supersede-move', why: 'us-b is down by now' });
  });
});

describe('a cluster in maintenance', () => {
  test('is no target; its owner and its end are named', () => {
    const scene = new Scene()
      .hear(maintenance('us-b', 10 * MIN))
      .verdict('ap-c', 'dead')
      .pass(MIN);
    scene.confirmed('eu-a', 'dead');
    expect(scene.running).toBe('none');
    expect(scene.why).toBe(
      'no healthy cluster to take over: us-b is in maintenance by me until 1970-01-01T00:26:40.000Z: new GPUs, ap-c is dead',
    );
  });

  test('is no trigger', () => {
    expect(new Scene().hear(maintenance('eu-a', MIN)).confirmed('eu-a', 'dead').running).toBe('none');
  });

  test('ends by itself: what is bad then is acted on', () => {
    const scene = new Scene()
      .hear(maintenance('eu-a', MIN))
      .confirmed('eu-a', 'dead')
      .pass(MIN - 1);
    expect(scene.running).toBe('none');
    expect(scene.pass(1).running).toBe('failover eu-a>us-b');
  });

  test('ends when its owner says so', () => {
    const scene = new Scene().hear(maintenance('eu-a', MIN)).confirmed('eu-a', 'dead').hear(maintenance('eu-a', 0));
    expect([scene.reply, scene.running]).toEqual([
      { accepted: true, id: 'service/chat', message: 'eu-a is out of maintenance' },
      'failover eu-a>us-b',
    ]);
  });

  test('is not gone home to', () => {
    const scene = new Scene({ failback: { policy: 'auto', soakMs: MIN } })
      .verdict('eu-a', 'dead')
      .endMove('done', AWAY);
    scene.verdict('eu-a', 'healthy').hear(maintenance('eu-a', 30 * MIN));
    expect(scene.pass(29 * MIN).running).toBe('none');
    expect(scene.state.failback).toMatchObject({
      state: 'waiting',
      why: expect.stringContaining('in maintenance by me'),
    });
    expect(scene.pass(2 * MIN).running).toBe('failback us-b>eu-a');
  });

  test('takes no traffic by order either, and must be known', () => {
    expect(new Scene().hear(maintenance('us-b', MIN)).order('switchover', 'us-b').reply).toMatchObject({
      accepted: false,
      code: 'preflight-blocked',
    });
    expect(new Scene().hear(maintenance('mars', MIN)).reply).toMatchObject({
      accepted: false,
      code: 'unknown-cluster',
    });
  });
});

describe('the fleet', () => {
  const hold = { why: 'too much at once', untilMs: 1_000_000 + 5 * MIN };

  test('under the storm brake nothing moves by itself, until it is over; a person may', () => {
    const scene = new Scene().hear({ kind: 'fleet', view: { ...CALM, brake: hold } }).confirmed('eu-a', 'dead');
    expect([scene.running, scene.why]).toEqual(['none', 'too much at once']);
    expect(scene.pass(5 * MIN).running).toBe('failover eu-a>us-b');
    const ordered = new Scene().hear({ kind: 'fleet', view: { ...CALM, brake: hold } }).order('failover');
    expect(ordered.running).toBe('failover eu-a>us-b');
  });

  test('in a panic only what callers confirm moves', () => {
    const probes = new Scene().hear({ kind: 'fleet', view: { ...CALM, panic: hold } }).verdict('eu-a', 'dead');
    expect([probes.running, probes.why]).toEqual(['none', 'too much at once']);
    expect(probes.confirmed('eu-a', 'dead').running).toBe('failover eu-a>us-b');
  });

  test('a governor that fell silent holds nobody for ever', () => {
    const scene = new Scene().hear({ kind: 'fleet', view: { ...CALM, panic: hold } }).verdict('eu-a', 'dead');
    expect(scene.pass(5 * MIN).running).toBe('failover eu-a>us-b');
  });
});

describe('trouble that moves nothing is told once', () => {
  test.each([
    ['a standby that died', 'us-b', 'dead', 'it carries no traffic; it is no target until it is well'],
    [
      'a cluster that only the probes cannot reach',
      'eu-a',
      'unreachable',
      'callers are served or the vantages disagree; look at the way of the probes',
    ],
  ] as const)('%s', (_name, cluster, verdict, why) => {
    const scene = new Scene().verdict(cluster, verdict).pass(MIN).verdict(cluster, verdict).hear({ kind: 'timer' });
    expect([scene.running, scene.why]).toEqual(['none', why]);
    expect(scene.told(cluster)).toHaveLength(1);
    expect(scene.pass(MIN).verdict(cluster, 'healthy').pass(MIN).verdict(cluster, verdict).told(cluster)).toHaveLength(
      2,
    );
  });
});

test('a move that was stopped before it touched anything is tried again soon, then more and more rarely', () => {
  const scene = new Scene().confirmed('eu-a', 'dead');
  const pauses = [5_000, 10_000, 20_000].map((ms) => {
    scene.endMove('failed', HOME);
    const waiting = scene.pass(ms - 1).running;
    return [waiting, scene.pass(1).running];
  });
  expect(pauses).toEqual(Array.from({ length: 3 }, () => ['none', 'failover eu-a>us-b']));
});

describe('a standby that has just healed', () => {
  test('is a target after all others, for five minutes', () => {
    const healed = new Scene().verdict('us-b', 'degraded').pass(MIN).verdict('us-b', 'healthy');
    expect(healed.pass(5 * MIN - 1).confirmed('eu-a', 'dead').running).toBe('failover eu-a>ap-c');
    const proved = new Scene().verdict('us-b', 'degraded').pass(MIN).verdict('us-b', 'healthy');
    expect(proved.pass(5 * MIN).confirmed('eu-a', 'dead').running).toBe('failover eu-a>us-b');
  });

  test('is better than nobody', () => {
    const scene = new Scene().verdict('ap-c', 'dead').verdict('us-b', 'degraded').pass(MIN).verdict('us-b', 'healthy');
    expect(scene.confirmed('eu-a', 'dead').running).toBe('failover eu-a>us-b');
  });
});
