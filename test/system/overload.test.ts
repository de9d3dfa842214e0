/** A cluster with more to do than it can: a share spills over to the standby, callers go on, and it comes back by itself. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LoadResult } from '../../src/simulator/load-request.js';
import { startLoad, type LoadRun } from '../../src/simulator/load.js';
import { eventually } from '../kit/eventually.js';
import { startInstance, type TestInstance } from '../kit/instance.js';
import { freePortBase } from '../kit/ports.js';
import { fleetYaml, startFleet, type TestFleet } from '../kit/simulated-fleet.js';
import { effectiveWeights, statusOf, verdictsAre } from './fleet-status.js';

const NAMES = ['eu-a', 'us-b'];
/** A step up every 3 s, a step down after as long; calm.test.ts spills by the defaults. */
const QUICK = ['overload: { spillInterval: 3s, spillStabilization: 3s }'];

let instance: TestInstance;
let fleet: TestFleet;
let load: LoadRun;
const results: LoadResult[] = [];
beforeAll(async () => {
  const portBase = await freePortBase();
  fleet = await startFleet(portBase, NAMES);
  instance = await startInstance({ portBase, config: `version: 1\n${fleetYaml(portBase, NAMES, QUICK)}` });
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
  await fleet.stop();
});

test('a share spills over, no move begins, nobody is lost, and it comes back by itself', async () => {
  await fleet.fault('eu-a', { kind: 'overload', slots: 32 });
  await verdictsAre(instance, { 'eu-a': 'overloaded' });
  await eventually(async () => ((await effectiveWeights(instance))['us-b'] ?? 0) >= 20, 90_000);
  const during = await statusOf(instance);
  expect(during).toMatchObject({ epoch: 0, move: null, intended: { 'eu-a': 100, 'us-b': 0 } });
  expect(during.spill).toMatchObject({ from: 'eu-a', to: 'us-b', why: expect.stringContaining('eu-a is overloaded') });
  await eventually(() => results.filter((r) => r.servedBy === 'us-b').length >= 5, 60_000);
  const told = await instance.cli('status', 'chat');
  expect(told.stdout).toMatch(/spills \d0 % of eu-a to us-b until .*, because eu-a is overloaded/u);
  expect((await instance.cli('explain', 'chat')).stdout).toContain('of eu-a to us-b until');

  await fleet.clear('eu-a');
  await eventually(async () => (await effectiveWeights(instance))['us-b'] === 0, 120_000);
  expect((await statusOf(instance)).spill).toBeUndefined();
  const after = results.length;
  await eventually(() => results.length >= after + 20, 30_000);
  await load.stop();
  expect(results.filter((r) => r.verdict !== 'ok')).toEqual([]);
  expect(new Set(results.slice(after + 10).map((r) => r.servedBy))).toEqual(new Set(['eu-a']));
  expect(await instance.history()).toEqual([]);
  expect(await statusOf(instance)).toMatchObject({ epoch: 0, intended: { 'eu-a': 100, 'us-b': 0 } });
});
