/** A cluster with more to do than it can: a share spills over to the standby, callers go on, and it comes back by itself. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LoadResult } from '../../src/simulator/load-request.js';
import { startLoad, type LoadRun } from '../../src/simulator/load.js';
import { eventually } from '../kit/eventually.js';
import { startInstance, type TestInstance } from '../kit/instance.js';
import { effectiveWeights, statusOf, verdictsAre } from './fleet-status.js';

let instance: TestInstance;
let load: LoadRun;
const results: LoadResult[] = [];
beforeAll(async () => {
  instance = await startInstance();
  await verdictsAre(instance, { 'eu-a': 'healthy', 'us-b': 'healthy' });
  load = startLoad({
    url: instance.info().gateway.url,
    model: 'chat',
    requestsPerSecond: 8,
    streamShare: 0.5,
    maxTokens: 12,
    timeoutMs: 120_000,
    onResult: (result) => results.push(result),
  });
});
afterAll(async () => {
  await load.stop();
  await instance.stop();
});

test('a share spills over, no move begins, nobody is lost, and it comes back by itself', async () => {
  await instance.fault('eu-a', 'overload', '--set', 'slots=32');
  await verdictsAre(instance, { 'eu-a': 'overloaded' });
  await eventually(async () => ((await effectiveWeights(instance))['us-b'] ?? 0) >= 20, 90_000);
  const during = await statusOf(instance);
  expect(during).toMatchObject({ epoch: 0, move: null, intended: { 'eu-a': 100, 'us-b': 0 } });
  expect(during.spill).toMatchObject({ from: 'eu-a', to: 'us-b', why: expect.stringContaining('eu-a is overloaded') });
  await eventually(() => results.filter((r) => r.servedBy === 'us-b').length >= 5, 60_000);
  const told = await instance.cli('status', 'chat');
  expect(told.stdout).toMatch(/spills \d0 % of eu-a to us-b until .*, because eu-a is overloaded/u);
  expect((await instance.cli('explain', 'chat')).stdout).toContain('of eu-a to us-b until');

  await instance.clear('eu-a');
  await eventually(async () => (await effectiveWeights(instance))['us-b'] === 0, 400_000);
  expect((await statusOf(instance)).spill).toBeUndefined();
  const after = results.length;
  await eventually(() => results.length >= after + 20, 30_000);
  await load.stop();
  expect(results.filter((r) => r.verdict !== 'ok')).toEqual([]);
  expect(new Set(results.slice(after + 10).map((r) => r.servedBy))).toEqual(new Set(['eu-a']));
  expect(await instance.history()).toEqual([]);
  expect(await statusOf(instance)).toMatchObject({ epoch: 0, intended: { 'eu-a': 100, 'us-b': 0 } });
});
