import { describe, expect, test } from 'vitest';
import {
  govern,
  nextGovernorLookMs,
  NO_FLEET,
  PANIC_LEASE_MS,
  STORM_MOVES_MIN,
  type GovernorState,
  type ServiceReport,
} from '../../../src/domain/governor/governor.js';
import type { FleetView } from '../../../src/domain/governor/fleet-view.js';
import { reportOf } from '../../../src/domain/governor/report.js';
import { AWAY, HOME, MIN, Scene } from '../../kit/guard-scene.js';

class Fleet {
  state: GovernorState = NO_FLEET;
  now = 1_000_000;
  told: FleetView[] = [];

  report(service: string, change: Partial<ServiceReport>): this {
    return this.hear({ kind: 'report', report: { service, clusters: [], automaticAtMs: [], ...change } });
  }

  hear(event: Parameters<typeof govern>[1]): this {
    const { state, tell } = govern(this.state, event, this.now);
    this.state = state;
    if (tell !== null) this.told.push(tell);
    return this;
  }

  /** Ten clusters in two services, of which so many are ill. */
  ill(count: number, change: { readonly confirmed?: boolean; readonly spreadMs?: number } = {}): this {
    const clusters = Array.from({ length: 10 }, (_, i) => ({
      name: `c${i}`,
      illSinceMs: i < count ? this.now - i * (change.spreadMs ?? 0) : null,
      confirmed: i < count && change.confirmed === true,
    }));
    // The healthy ones first: a fleet that is only half known yet is another matter.
    return this.report('b', { clusters: clusters.slice(5) }).report('a', { clusters: clusters.slice(0, 5) });
  }
}

describe('panic', () => {
  test.each<[string, Fleet, boolean]>([
    ['half of the fleet is bad', new Fleet().ill(5), false],
    ['more than half', new Fleet().ill(6), true],
    ['more than half, and callers say so', new Fleet().ill(6, { confirmed: true }), false],
    ['more than half, one after the other', new Fleet().ill(6, { spreadMs: 10_000 }), false],
  ])('%s', (_name, fleet, panics) => {
    expect(fleet.state.view.panic !== null).toBe(panics);
  });

  test('is told once, renewed at half of its lease, and taken back', () => {
    const fleet = new Fleet().ill(6);
    expect(fleet.told).toHaveLength(1);
    fleet.ill(7);
    expect(fleet.told).toHaveLength(1);
    const look = nextGovernorLookMs(fleet.state, fleet.now);
    expect(look).toBe(fleet.now + PANIC_LEASE_MS / 2);
    fleet.now = look ?? 0;
    fleet.hear({ kind: 'timer' });
    expect(fleet.told[1]?.panic?.untilMs).toBe(fleet.now + PANIC_LEASE_MS);
    fleet.ill(0);
    expect(fleet.told.at(-1)?.panic).toBeNull();
    expect(nextGovernorLookMs(fleet.state, fleet.now)).toBeNull();
  });

  test('is not for fleets whose services say it all', () => {
    const clusters = ['x', 'y', 'z'].map((name) => ({ name, illSinceMs: 1_000_000, confirmed: false }));
    expect(new Fleet().report('a', { clusters }).state.view.panic).toBeNull();
  });
});

describe('the storm brake', () => {
  const times = (count: number, at: number): number[] => Array.from({ length: count }, (_, i) => at - i * 1_000);

  test('holds from the last permitted move on, until the oldest one has left the window', () => {
    const fleet = new Fleet();
    expect(fleet.report('a', { automaticAtMs: times(STORM_MOVES_MIN - 1, fleet.now) }).state.view.brake).toBeNull();
    const { brake } = fleet.report('a', { automaticAtMs: times(STORM_MOVES_MIN, fleet.now) }).state.view;
    expect(brake?.why).toContain(`${STORM_MOVES_MIN} automatic moves in the fleet within 10 min`);
    expect(brake?.untilMs).toBe(fleet.now - (STORM_MOVES_MIN - 1) * 1_000 + 10 * MIN);
    fleet.now = brake?.untilMs ?? 0;
    expect(fleet.hear({ kind: 'timer' }).state.view.brake).toBeNull();
  });

  test('lets every service go away and come back once, however large the fleet is', () => {
    const fleet = new Fleet();
    for (let i = 0; i < 50; i += 1) fleet.report(`s${i}`, { automaticAtMs: times(1, fleet.now) });
    expect(fleet.state.view.brake).toBeNull();
    for (let i = 0; i < 50; i += 1) fleet.report(`s${i}`, { automaticAtMs: times(2, fleet.now) });
    expect(fleet.state.view.brake).not.toBeNull();
  });

  test('forgets a service that left', () => {
    const fleet = new Fleet().report('a', { automaticAtMs: times(STORM_MOVES_MIN, 1_000_000) });
    expect(fleet.hear({ kind: 'left', service: 'a' }).state).toMatchObject({ reports: {}, view: { brake: null } });
  });
});

describe('a report', () => {
  test('says who is ill since when, and whether callers say so', () => {
    const scene = new Scene().confirmed('eu-a', 'dead');
    expect(reportOf(scene.state, scene.now).clusters).toEqual([
      { name: 'eu-a', illSinceMs: scene.now, confirmed: true },
      { name: 'us-b', illSinceMs: null, confirmed: false },
      { name: 'ap-c', illSinceMs: null, confirmed: false },
    ]);
  });

  test('counts automatic moves that touch the traffic: while they run, and for ten minutes', () => {
    const scene = new Scene().confirmed('eu-a', 'dead');
    const counted = (): number => reportOf(scene.state, scene.now).automaticAtMs.length;
    expect(counted()).toBe(1);
    scene.endMove('failed', HOME);
    expect(counted()).toBe(0);
    scene.pass(5_000).endMove('done', AWAY);
    expect(counted()).toBe(1);
    expect(scene.pass(11 * MIN) && counted()).toBe(0);
  });
});
