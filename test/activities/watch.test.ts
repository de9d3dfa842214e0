/** The watch against a real HTTP server: what it returns, when, and what it remembers. Bounds are those that the settings imply. */
import { asyncLocalStorage, Context, type Info } from '@temporalio/activity';
import { CancelledFailure, noopMetricMeter, type Logger } from '@temporalio/common';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createWatchActivities, type WatchDeps } from '../../src/activities/watch.js';
import type { ClusterSpec } from '../../src/domain/fleet.js';
import { beginVantage, type VantageHealth } from '../../src/domain/health/vantage.js';
import type { ClusterCounters, TrafficState } from '../../src/domain/traffic.js';
import type { WatchOrder, WatchResult } from '../../src/workflows/ports.js';
import { eventually } from '../kit/eventually.js';
import { ToyEngine } from '../probes/toy-engine.js';

const ignore = (): void => undefined;
const SILENT: Logger = { log: ignore, trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };
/** What a busy machine may add to any bound, ms. */
const SLACK_MS = 1_500;

let engine: ToyEngine;
let traffic: TrafficState | null;
const runs: { cancel(): void; done: Promise<unknown> }[] = [];

beforeEach(async () => {
  engine = await ToyEngine.start();
  traffic = null;
});
afterEach(async () => {
  for (const run of runs.splice(0)) {
    run.cancel();
    await run.done.catch(ignore);
  }
  await engine.crash();
});

interface Run {
  readonly done: Promise<WatchResult>;
  readonly beats: VantageHealth[];
  cancel(): void;
}

function watch(
  order: Partial<WatchOrder> = {},
  options: { deps?: Partial<WatchDeps>; heartbeatDetails?: unknown } = {},
): Run {
  const beats: VantageHealth[] = [];
  const abort = new AbortController();
  const info = { attempt: 1, heartbeatDetails: options.heartbeatDetails } as Info;
  const beat = (details: unknown): void => void beats.push(details as VantageHealth);
  const context = new Context(
    info,
    new Promise<never>(ignore),
    abort.signal,
    beat,
    undefined,
    SILENT,
    noopMetricMeter,
    {},
  );
  const activities = createWatchActivities({
    trafficState: async () => await Promise.resolve(traffic),
    ...options.deps,
  });
  const whole: WatchOrder = {
    cluster: engine.cluster(),
    vantage: 'local',
    services: ['chat'],
    health: null,
    rotateAfterMs: 60_000,
    ...order,
  };
  const done = asyncLocalStorage.run(context, async () => await activities.watchCluster(whole));
  done.catch(ignore);
  const run = { done, beats, cancel: () => abort.abort(new CancelledFailure('CANCELLED')) };
  runs.push(run);
  return run;
}

async function healthy(cluster?: ClusterSpec): Promise<WatchResult> {
  const result = await watch(cluster === undefined ? {} : { cluster }).done;
  expect(result.report.diagnosis.verdict).toBe('healthy');
  return result;
}

const slower = (): ClusterSpec =>
  engine.cluster({ health: { intervalMs: 400, fall: 3, rise: 2, gray: { failures: 5, of: 10 } } });

describe('what it returns', () => {
  test('a cluster that answers and completes is healthy at its first completion', async () => {
    const { why, report } = await healthy();
    expect(why).toBe('verdict');
    expect(report.lastGenerationOkAtMs).not.toBeNull();
  });

  test('a well cluster gives no news: only rotation ends the watch', async () => {
    const { health } = await healthy();
    const { why, report } = await watch({ health, rotateAfterMs: 350 }).done;
    expect(why).toBe('rotate');
    expect(report.diagnosis.verdict).toBe('healthy');
  });

  test('a crash is dead within two intervals', async () => {
    const cluster = slower();
    const { health } = await healthy(cluster);
    const run = watch({ health, cluster });
    await eventually(() => run.beats.length >= 1);
    await engine.crash();
    const crashedAt = Date.now();
    const { report } = await run.done;
    expect(report.diagnosis, JSON.stringify(report)).toMatchObject({ verdict: 'dead' });
    expect(Date.now() - crashedAt).toBeLessThan(2 * cluster.health.intervalMs + SLACK_MS);
    expect(report.diagnosis.evidence[0]).toMatchObject({ dimension: 'http', by: 'local' });
    expect(report.diagnosis.evidence[0]?.seen).toContain('connection refused');
  });

  test('timeouts count at regular ticks only: dead after T + (fall - 1) x T + timeout, and not before', async () => {
    const cluster = slower();
    const quick = {
      ...cluster,
      probes: {
        ...cluster.probes,
        http: { path: '/health', timeoutMs: 200 },
        metrics: null,
        gpu: null,
        identity: null,
      },
    };
    const { health } = await healthy(quick);
    engine.behaviour.health = 'hang';
    engine.behaviour.generation = 'hang';
    const hungAt = Date.now();
    const { report } = await watch({ health, cluster: quick }).done;
    expect(report.diagnosis, JSON.stringify(report)).toMatchObject({ verdict: 'dead' });
    expect(Date.now() - hungAt).toBeGreaterThanOrEqual(2 * 400);
    expect(Date.now() - hungAt).toBeLessThan(3 * 400 + 200 + SLACK_MS);
  });

  test('health 200 while completions stand still is stuck', async () => {
    const { probes } = engine.cluster();
    const cluster = engine.cluster({
      probes: { ...probes, generation: { timeoutMs: 300, everyMs: 100, maxTokens: 16 } },
    });
    const { health } = await healthy(cluster);
    engine.behaviour.generation = 'hang';
    const { report } = await watch({ health, cluster }).done;
    expect(report.diagnosis.verdict).toBe('stuck');
  });

  test('a dead cluster that loads its model is starting, and healthy after its successes', async () => {
    const { health } = await healthy();
    await engine.crash();
    const dead = await watch({ health }).done;
    expect(dead.report.diagnosis, JSON.stringify(dead.report)).toMatchObject({ verdict: 'dead' });
    Object.assign(engine.behaviour, { health: 503, healthBody: 'Loading model', generation: 503 });
    await engine.open();
    const starting = await watch({ health: dead.health }).done;
    expect(starting.report.diagnosis.verdict).toBe('starting');
    Object.assign(engine.behaviour, { health: 200, healthBody: '', generation: 'right' });
    const back = await watch({ health: starting.health }).done;
    expect(back.report.diagnosis, JSON.stringify(back.health)).toMatchObject({ verdict: 'healthy' });
  });

  test('another model is degraded, with both names as evidence', async () => {
    const { health } = await healthy();
    engine.behaviour.model = 'somebody-else';
    const { report } = await watch({ health }).done;
    expect(report.diagnosis.verdict).toBe('degraded');
    expect(report.diagnosis.evidence[0]).toMatchObject({
      dimension: 'identity',
      seen: 'serves somebody-else, 3 in a row',
      threshold: 'must serve m',
    });
  });
});

describe('what real traffic adds', () => {
  const counters = (change: Partial<ClusterCounters>): ClusterCounters => ({
    process: 'p1',
    requests: 0,
    ok: 0,
    client: 0,
    quota: 0,
    cluster: 0,
    cut: 0,
    firstToken: new Array<number>(10).fill(0),
    ...change,
  });
  const stateWith = (c: ClusterCounters): TrafficState => ({
    service: 'chat',
    epoch: 1,
    intended: { 'eu-a': 100 },
    effective: { 'eu-a': 100 },
    changedAtMs: 0,
    callers: 'unknown',
    clusters: { 'eu-a': { inFlight: 0, counters: c, drained: false, failingSinceMs: null, lastOkAtMs: null } },
  });

  test('probes that fail while callers are served say unreachable', async () => {
    const { health } = await healthy();
    let ok = 0;
    const trafficState = async (): Promise<TrafficState> =>
      await Promise.resolve(stateWith(counters({ ok: (ok += 3) })));
    await engine.crash();
    const { report } = await watch({ health }, { deps: { trafficState } }).done;
    expect(report.diagnosis.verdict).toBe('unreachable');
  });

  test('streams that are cut under a 200 are degraded', async () => {
    const { health } = await healthy();
    let n = 0;
    const trafficState = async (): Promise<TrafficState> => {
      n += 1;
      return await Promise.resolve(stateWith(counters({ ok: 8 * n, cut: 2 * n })));
    };
    const { report } = await watch({ health }, { deps: { trafficState } }).done;
    expect(report.diagnosis.verdict).toBe('degraded');
    expect(report.diagnosis.evidence[0]).toMatchObject({ dimension: 'passive', by: 'gateway' });
  });

  test('a gateway that cannot be asked leaves the passive dimension unknown', async () => {
    const trafficState = async (): Promise<never> => await Promise.reject(new Error('no gateway'));
    const { report } = await watch({}, { deps: { trafficState } }).done;
    expect(report.diagnosis.verdict).toBe('healthy');
  });

  test('when the control target fails too, the observer is sick and says nothing', async () => {
    const { health } = await healthy();
    await engine.crash();
    const run = watch(
      { health, rotateAfterMs: 1_000 },
      { deps: { controlTarget: async () => await Promise.resolve(false) } },
    );
    const { why, report } = await run.done;
    expect([why, report.diagnosis.verdict]).toEqual(['rotate', 'healthy']);
    expect(run.beats.at(-1)?.suspended).toContain('control target');
  });
});

describe('memory and end', () => {
  test('a retry goes on where the heartbeat stood: two failures before, one after', async () => {
    const { health } = await healthy();
    await engine.crash();
    const first = watch({ health });
    await eventually(() => first.beats.some((b) => b.dimensions.http.failures === 2));
    first.cancel();
    await first.done.catch(ignore);
    const heartbeatDetails = first.beats.find((b) => b.dimensions.http.failures === 2);
    const second = watch({ health }, { heartbeatDetails });
    await second.done;
    expect(second.beats[0]?.dimensions.http.failures).toBe(3);
  });

  test('heartbeat details of another shape are not taken for a memory', async () => {
    const { report } = await watch({ health: null }, { heartbeatDetails: { verdict: 'dead' } }).done;
    expect(report.diagnosis.verdict).toBe('healthy');
  });

  test('a cancellation ends it at once, also in the middle of a completion that hangs', async () => {
    engine.behaviour.generation = 'hang';
    const run = watch();
    await eventually(() => run.beats.length > 2);
    const cancelledAt = Date.now();
    run.cancel();
    await expect(run.done).rejects.toThrow(CancelledFailure);
    expect(Date.now() - cancelledAt).toBeLessThan(SLACK_MS);
  });

  test('ticks keep to their grid: a slow check costs slots, it does not move them', async () => {
    engine.behaviour.healthDelayMs = 150;
    const health: VantageHealth = { ...beginVantage(Date.now()), verdict: 'healthy' };
    const run = watch({ health, rotateAfterMs: 1_200 });
    await run.done;
    const ticks = [...new Set(run.beats.map((b) => b.lastTickAtMs))].length;
    expect(ticks).toBeGreaterThanOrEqual(4);
    expect(run.beats.every((b) => b.suspended === null || b.suspended.includes('event loop'))).toBe(true);
  });

  test('regular checks keep their connection', async () => {
    const { health } = await healthy();
    const before = engine.connections;
    const run = watch({ health, rotateAfterMs: 1_500 });
    await run.done;
    expect(engine.asked.get('/health')).toBeGreaterThanOrEqual(8);
    expect(engine.connections - before).toBeLessThanOrEqual(6);
  });

  test('an endpoint that does not exist is asked once, not at every tick', async () => {
    const { health } = await healthy();
    engine.asked.delete('/gpu-status');
    await watch({ health, rotateAfterMs: 600 }).done;
    expect(engine.asked.get('/gpu-status')).toBe(1);
  });
});
