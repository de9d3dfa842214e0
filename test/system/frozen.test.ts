/** A cluster that stands still, and a service on which automation is told to stand still. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startLoad, type LoadRun } from '../../src/simulator/load.js';
import { startInstance, type TestInstance } from '../kit/instance.js';
import { effectiveWeights, statusOf, verdictsAre } from './fleet-status.js';

let instance: TestInstance;
let load: LoadRun;
beforeAll(async () => {
  instance = await startInstance();
  await verdictsAre(instance, { 'eu-a': 'healthy', 'us-b': 'healthy' });
  load = startLoad({
    url: instance.info().gateway.url,
    model: 'chat',
    requestsPerSecond: 5,
    maxTokens: 16,
    streamShare: 0,
    timeoutMs: 60_000,
  });
});
afterAll(async () => {
  await load.stop();
  await instance.stop();
});

test('a cluster whose process is stopped (SIGSTOP) takes connections and answers none: it is left', async () => {
  await instance.fault('eu-a', 'freeze');
  const move = await instance.moves(1);
  expect(move).toMatchObject({
    kind: 'failover',
    state: 'done',
    by: 'understudy',
    weights: { 'eu-a': 0, 'us-b': 100 },
  });
  expect(move.report.requests).toMatchObject({ lost: 0 });
  await instance.clear('eu-a');
  await verdictsAre(instance, { 'eu-a': 'healthy' });
});

test('a frozen service is not moved when its cluster dies, and status says why', async () => {
  await instance.mustWork('freeze', 'chat', '--for', '10m', '--reason', 'game day', '--by', 'tester');
  await instance.fault('us-b', 'crash');
  await verdictsAre(instance, { 'us-b': 'dead' });

  const chat = await statusOf(instance);
  expect(chat).toMatchObject({ mode: 'frozen', move: null, frozen: { by: 'tester', reason: 'game day' } });
  expect(chat.intended).toEqual({ 'eu-a': 0, 'us-b': 100 });
  expect(chat.whyNot[0]).toMatchObject({ trigger: 'us-b is dead' });
  expect(chat.whyNot[0]?.why).toMatch(/^frozen by tester until .*: game day$/u);
  const told = await instance.cli('status');
  expect(told.stdout).toMatch(/frozen by tester until .*: game day/u);
  expect(told.stdout).toMatch(/nothing was done at .* \(us-b is dead\): frozen by tester/u);
  expect(await instance.history()).toHaveLength(1);
});

test('unfrozen, it goes at once', async () => {
  await instance.mustWork('unfreeze', 'chat', '--by', 'tester');
  const move = await instance.moves(2);
  expect(move).toMatchObject({ kind: 'failover', state: 'done', weights: { 'eu-a': 100, 'us-b': 0 } });
  expect(await effectiveWeights(instance)).toEqual({ 'eu-a': 100, 'us-b': 0 });
});

test('in all of this no caller was refused', () => {
  const { ok, lost, wrong } = load.summary();
  expect(ok).toBeGreaterThan(50);
  expect({ lost, wrong }).toEqual({ lost: 0, wrong: 0 });
});
