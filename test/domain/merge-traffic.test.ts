import { describe, expect, test } from 'vitest';
import { mergeTraffic, remainsOf } from '../../src/domain/merge-traffic.js';
import type { ClusterTraffic, TrafficState } from '../../src/domain/traffic.js';

const callers = { total: 10, ok: 5, lost: 1, cut: 1, continued: 1, retried: 2, client: 1, quota: 1 };
const counters = { requests: 10, ok: 5, client: 1, quota: 1, cluster: 1, cut: 1, firstToken: [1, 0, 2] };

function state(process: string, change: Partial<ClusterTraffic> = {}, top: Partial<TrafficState> = {}): TrafficState {
  const a: ClusterTraffic = {
    inFlight: 2,
    counters: { process, ...counters },
    drained: false,
    failingSinceMs: null,
    lastOkAtMs: null,
    lastFailedAtMs: null,
    ...change,
  };
  return {
    service: 'chat',
    epoch: 1,
    intended: { a: 100 },
    effective: { a: 100 },
    changedAtMs: 1,
    clusters: { a },
    callers: { process, ...callers },
    ...top,
  };
}

const merged = (...parts: readonly Partial<ClusterTraffic>[]): ClusterTraffic | undefined => {
  const [first, ...others] = parts.map((part, i) => state(`p${i}`, part));
  return mergeTraffic(first!, ...others).clusters['a'];
};

test('counts add up, under all their processes', () => {
  const sum = mergeTraffic(state('q'), state('p'), state('q'));
  expect(sum.callers).toEqual({
    process: 'p+q',
    total: 30,
    ok: 15,
    lost: 3,
    cut: 3,
    continued: 3,
    retried: 6,
    client: 3,
    quota: 3,
  });
  expect(sum.clusters['a']).toMatchObject({
    inFlight: 6,
    counters: { process: 'p+q', requests: 30, ok: 15, client: 3, quota: 3, cluster: 3, cut: 3, firstToken: [3, 0, 6] },
  });
});

test('one unknown makes the sum unknown, and nothing else', () => {
  expect(merged({}, { inFlight: 'unknown' })).toMatchObject({ inFlight: 'unknown', counters: { requests: 20 } });
  expect(merged({}, { counters: 'unknown' })).toMatchObject({ inFlight: 4, counters: 'unknown' });
  expect(mergeTraffic(state('p'), state('q', {}, { callers: 'unknown' })).callers).toBe('unknown');
});

test('room adds up; one without a limit has no end of it, and what one does not tell is not told', () => {
  expect(merged({ limit: 3 }, { limit: 0 }, { limit: 2 })?.limit).toBe(5);
  expect(merged({ limit: 3 }, { limit: null })?.limit).toBeNull();
  expect(merged({ limit: 3 }, {})).not.toHaveProperty('limit');
  expect(mergeTraffic(state('p', {}, { waiting: 1 }), state('q', {}, { waiting: 2 })).waiting).toBe(3);
  expect(mergeTraffic(state('p', {}, { waiting: 1 }), state('q'))).not.toHaveProperty('waiting');
});

test('a lease that one holds is held; nobody’s is none', () => {
  const spill = { from: 'a', to: 'b', sharePct: 20, untilMs: 9 };
  expect(mergeTraffic(state('p', {}, { spill: null }), state('q', {}, { spill })).spill).toEqual(spill);
  expect(mergeTraffic(state('p'), state('q', {}, { spill: null })).spill).toBeNull();
  expect(mergeTraffic(state('p'), state('q'))).not.toHaveProperty('spill');
});

test.each<[string, Partial<TrafficState>, Partial<TrafficState>, number]>([
  ['the larger epoch', { epoch: 2, changedAtMs: 1 }, { epoch: 1, changedAtMs: 9 }, 0],
  ['of one epoch the later change', { changedAtMs: 1 }, { changedAtMs: 2 }, 1],
  ['of equals the first', {}, {}, 0],
])('%s says what was last written', (_name, first, second, says) => {
  const states = [state('p', {}, { intended: { a: 1 }, ...first }), state('q', {}, { intended: { a: 2 }, ...second })];
  expect(mergeTraffic(states[0]!, states[1]!).intended).toEqual({ a: says + 1 });
});

test('effective is the mean: each process gets its share of the requests', () => {
  expect(mergeTraffic(state('p'), state('q', {}, { effective: { a: 50, b: 50 } })).effective).toEqual({ a: 75, b: 25 });
});

test('drained is only what all have drained', () => {
  expect(merged({ drained: true }, { drained: true })?.drained).toBe(true);
  expect(merged({ drained: true }, { drained: false })?.drained).toBe(false);
});

describe('failing since', () => {
  const well = (okAtMs: number): Partial<ClusterTraffic> => ({ lastOkAtMs: okAtMs });
  const failing = (sinceMs: number, lastMs: number, okAtMs: number | null = null): Partial<ClusterTraffic> => ({
    failingSinceMs: sinceMs,
    lastFailedAtMs: lastMs,
    lastOkAtMs: okAtMs,
  });
  test.each<[string, readonly Partial<ClusterTraffic>[], number | null]>([
    ['nobody has failed', [well(5), {}], null],
    ['one fails, the other knows nothing', [failing(5, 9), {}], 5],
    ['a success before the row', [failing(5, 9), well(4)], 5],
    ['a success after the whole row', [failing(5, 9), well(10)], null],
    ['a success in the same moment as the last failure', [failing(5, 9), well(9)], null],
    ['a success in the middle of the row', [failing(5, 9), well(7)], 7],
    ['both fail', [failing(5, 9), failing(3, 4)], 3],
    ['both fail, one row is over by the other’s last success', [failing(8, 9, 7), failing(3, 4)], 8],
  ])('%s', (_name, parts, since) => {
    expect(merged(...parts)?.failingSinceMs).toBe(since);
    expect(merged(...[...parts].reverse())?.failingSinceMs).toBe(since);
  });

  test('a layer that does not tell its last failure failed when its row began, at least', () => {
    const older: ClusterTraffic = { ...state('p').clusters['a']!, failingSinceMs: 5 };
    delete (older as { lastFailedAtMs?: unknown }).lastFailedAtMs;
    const before = { ...state('p'), clusters: { a: older } };
    expect(mergeTraffic(before, state('q', well(4))).clusters['a']?.failingSinceMs).toBe(5);
    expect(mergeTraffic(before, state('q', well(6))).clusters['a']?.failingSinceMs).toBeNull();
  });
});

test('of a process that ended the counts stay; what ran is lost, and runs no more', () => {
  const { clusters, callers: left, waiting } = remainsOf(state('p', { limit: 4 }, { waiting: 3 }));
  expect(clusters['a']).toMatchObject({ inFlight: 0, limit: 0, counters: { requests: 10, ok: 5 } });
  expect([waiting, left]).toMatchObject([0, { total: 10, ok: 5, lost: 6 }]);
});
