/** A planned switchover whose target begins to fail in the middle of the ramp: seen, and taken back. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MoveRecord } from '../../src/domain/move-record.js';
import type { LoadResult } from '../../src/simulator/load-request.js';
import { startLoad, type LoadRun } from '../../src/simulator/load.js';
import { eventually } from '../kit/eventually.js';
import { startInstance, type TestInstance } from '../kit/instance.js';
import { freePortBase } from '../kit/ports.js';
import { fleetYaml, startFleet, type TestFleet } from '../kit/simulated-fleet.js';
import { effectiveWeights, rampReaches, statusOf, verdictsAre } from './fleet-status.js';

const NAMES = ['eu-a', 'us-b'];
/** Time to break the target in the middle of the ramp, on a busy machine too. */
const SLOW_STEPS = ['move: { planned: [5, 25, 50, 100], bake: 5s }'];

let instance: TestInstance;
let fleet: TestFleet;
let load: LoadRun;
const results: LoadResult[] = [];
beforeAll(async () => {
  const portBase = await freePortBase();
  fleet = await startFleet(portBase, NAMES);
  instance = await startInstance({ portBase, config: `version: 1\n${fleetYaml(portBase, NAMES, SLOW_STEPS)}` });
  await verdictsAre(instance, { 'eu-a': 'healthy', 'us-b': 'healthy' });
  load = startLoad({
    url: instance.info().gateway.url,
    model: 'chat',
    requestsPerSecond: 30,
    streamShare: 0.5,
    maxTokens: 24,
    timeoutMs: 60_000,
    onResult: (result) => results.push(result),
  });
});
afterAll(async () => {
  await load.stop();
  await instance.stop();
  await fleet.stop();
});

test('a target that shows errors on its canary step is ramped back; no caller notices', async () => {
  const order = ['--to', 'us-b', '--reason', 'kernel upgrade', '--by', 'tester', '--wait', '--json'];
  const waiting = instance.cli('switchover', 'chat', ...order);
  // In the middle: it has carried traffic and proved itself, then it breaks.
  await rampReaches(instance, 'us-b', 25);
  await fleet.fault('us-b', { kind: 'errors', share: 1 });

  const answer = await waiting;
  expect(answer.code).toBe(1);
  const move = JSON.parse(answer.stdout) as MoveRecord;
  expect(move).toMatchObject({ kind: 'switchover', state: 'rolled-back', weights: { 'eu-a': 100, 'us-b': 0 } });
  expect(move.steps.find((s) => s.verdict === 'abort')).toMatchObject({ name: expect.stringMatching(/^ramp /u) });
  expect(await effectiveWeights(instance)).toEqual({ 'eu-a': 100, 'us-b': 0 });
  expect((await instance.history())[0]).toEqual(move);
  expect((await statusOf(instance)).move).toBeNull();

  const servedBefore = results.length;
  await eventually(() => results.length >= servedBefore + 60, 20_000);
  await load.stop();
  expect(results.filter((r) => r.verdict !== 'ok')).toEqual([]);
  expect(results.some((r) => r.servedBy === 'us-b')).toBe(true);
  expect(new Set(results.slice(servedBefore + 20).map((r) => r.servedBy))).toEqual(new Set(['eu-a']));
  expect(move.report.requests).toMatchObject({ lost: 0, cut: 0 });
  expect(move.report.requests?.retried).toBeGreaterThan(0);

  // The way back is a ramp too, never a jump, and the history tells it.
  const shares = move.steps.flatMap((s) => (s.weights === null ? [] : [s.weights['us-b']]));
  const peak = shares.indexOf(Math.max(...shares.map((share) => share ?? 0)));
  expect(shares.slice(peak).at(-1)).toBe(0);
  expect(move.steps.filter((s) => s.name === 'ramp back').length).toBeGreaterThan(1);
  const told = await instance.cli('history', 'chat');
  expect(told.stdout).toMatch(/rolled-back/u);
  expect(told.stdout).toMatch(/ramp 25 %.*abort/u);
});
