/** A cluster that stands still, and a service on which automation is told to stand still. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startLoad, type LoadRun } from '../../src/simulator/load.js';
import { eventually } from '../kit/eventually.js';
import { startInstance, type TestInstance } from '../kit/instance.js';
import { effectiveWeights, servingNow, statusOf, verdictsAre } from './fleet-status.js';

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

/** In all of it no caller was refused. */
afterEach(() => {
  const { ok, lost, wrong } = load.summary();
  expect(ok).toBeGreaterThan(20);
  expect({ lost, wrong }).toEqual({ lost: 0, wrong: 0 });
});

test('a cluster whose process is stopped (SIGSTOP) takes connections and answers none: it is left', async () => {
  const { from, to } = await servingNow(instance);
  const before = (await instance.history()).length;
  await instance.fault(from, 'freeze');
  const move = await instance.moves(before + 1);
  expect(move).toMatchObject({ kind: 'failover', state: 'done', by: 'understudy', weights: { [from]: 0, [to]: 100 } });
  expect(move.report.requests).toMatchObject({ lost: 0 });
  await instance.clear(from);
  await verdictsAre(instance, { [from]: 'healthy' });
});

test('a frozen service is not moved when its cluster dies, and status says why; unfrozen, it goes at once', async () => {
  await instance.mustWork('freeze', 'chat', '--for', '10m', '--reason', 'game day', '--by', 'tester');
  // What was under way before, such as a failback, ends first.
  await eventually(async () => (await statusOf(instance)).move === null, 120_000);
  const { from, to } = await servingNow(instance);
  const before = (await instance.history()).length;
  await instance.fault(from, 'crash');
  await verdictsAre(instance, { [from]: 'dead' });

  const chat = await statusOf(instance);
  expect(chat).toMatchObject({ mode: 'frozen', move: null, frozen: { by: 'tester', reason: 'game day' } });
  expect(chat.intended).toEqual({ [from]: 100, [to]: 0 });
  expect(chat.whyNot[0]).toMatchObject({ trigger: `${from} is dead` });
  expect(chat.whyNot[0]?.why).toMatch(/^frozen by tester until .*: game day$/u);
  const told = await instance.cli('status');
  expect(told.stdout).toMatch(/frozen by tester until .*: game day/u);
  expect(told.stdout).toMatch(new RegExp(`nothing was done at .* \\(${from} is dead\\): frozen by tester`, 'u'));
  expect(await instance.history()).toHaveLength(before);

  await instance.mustWork('unfreeze', 'chat', '--by', 'tester');
  const move = await instance.moves(before + 1);
  expect(move).toMatchObject({ kind: 'failover', state: 'done', weights: { [from]: 0, [to]: 100 } });
  expect(await effectiveWeights(instance)).toEqual({ [from]: 0, [to]: 100 });
});
