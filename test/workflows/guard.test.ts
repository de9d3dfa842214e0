import { inject, afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { readGuard } from '../../src/control/guards.js';
import type { ServiceSpec } from '../../src/domain/fleet.js';
import type { Verdict } from '../../src/domain/words.js';
import { CONTROL_TASK_QUEUE, serviceGuardId } from '../../src/workflows/ids.js';
import {
  clusterVerdictSignal,
  failoverUpdate,
  freezeUpdate,
  guardViewQuery,
  historyQuery,
  retireSignal,
  switchoverUpdate,
} from '../../src/workflows/messages.js';
import type { serviceGuard } from '../../src/workflows/service-guard.js';
import { eventually } from '../kit/eventually.js';
import { openScene, type Scene, type TestService } from '../kit/move-scene.js';

const me = { by: 'me', reason: 'kernel upgrade', via: 'cli' } as const;

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ address: inject('temporalAddress'), workflowBundle: inject('workflowBundlePath') });
});
const guards: WorkflowHandle<typeof serviceGuard>[] = [];
afterAll(async () => {
  // A guard lives for ever; the next file's worker should not meet these.
  for (const guard of guards)
    await scene.client.workflow
      .getHandle(guard.workflowId)
      .terminate()
      .catch(() => undefined);
  await scene.close();
});

interface Guarded {
  readonly service: TestService;
  readonly guard: WorkflowHandle<typeof serviceGuard>;
  say(cluster: string, verdict: Verdict): Promise<void>;
  view(): ReturnType<typeof query>;
  /** Waits until no move runs and this many have ended. */
  moves(count: number): Promise<void>;
}

const query = async (guard: WorkflowHandle<typeof serviceGuard>) => await guard.query(guardViewQuery);

async function guarded(names: readonly string[], change: Partial<ServiceSpec> = {}): Promise<Guarded> {
  const service = await scene.service(names, change);
  const guard = await scene.client.workflow.start<typeof serviceGuard>('serviceGuard', {
    taskQueue: CONTROL_TASK_QUEUE,
    workflowId: serviceGuardId(service.spec.name),
    args: [{ spec: service.spec, clusters: service.clusters }],
  });
  guards.push(guard);
  const say = async (cluster: string, verdict: Verdict): Promise<void> => {
    const diagnosis = { verdict, sinceMs: Date.now(), evidence: [] };
    await guard.signal(clusterVerdictSignal, { cluster, diagnosis, lastGenerationOkAtMs: Date.now() });
  };
  for (const name of names) await say(name, 'healthy');
  const moves = async (count: number): Promise<void> =>
    await eventually(
      async () => (await query(guard)).move === null && (await guard.query(historyQuery)).length >= count,
    );
  return { service, guard, say, view: async () => await query(guard), moves };
}

test('a dead primary is left, its history told, and the way home is scheduled', async () => {
  const { service, guard, say, view, moves } = await guarded(['a', 'b']);
  service.apps['a']?.close();
  await say('a', 'dead');
  await moves(1);
  expect(await service.weights()).toEqual({ a: 0, b: 100 });
  const [record] = await guard.query(historyQuery);
  expect(record).toMatchObject({
    id: `move/${service.spec.name}/1`,
    kind: 'failover',
    state: 'done',
    by: 'understudy',
    via: 'auto',
  });
  expect(record?.report.firstShiftAt).not.toBeNull();
  expect((await view()).failback).toMatchObject({ state: 'waiting', why: 'a is dead' });
});

test('home again: after the soak the traffic returns by itself under policy auto', async () => {
  const { service, guard, say, moves } = await guarded(['a', 'b'], { failback: { policy: 'auto', soakMs: 700 } });
  await say('a', 'dead');
  await moves(1);
  await say('a', 'healthy');
  await moves(2);
  expect((await guard.query(historyQuery))[0]).toMatchObject({ kind: 'failback', state: 'done' });
  expect(await service.weights()).toEqual({ a: 100, b: 0 });
});

test('who cancels the guard in the UI is told what that means; its move goes on, and nothing is shown as guarded', async () => {
  const { service, guard, say } = await guarded(['a', 'b']);
  const { name } = service.spec;
  service.apps['a']?.close();
  await say('a', 'dead');
  await eventually(async () => (await query(guard)).move !== null);
  await guard.cancel();
  await expect(guard.result()).rejects.toThrow(WorkflowFailedError);
  expect((await guard.describe()).status.name).toBe('CANCELLED');
  const history = await guard.fetchHistory();
  expect(history.events?.some((e) => Boolean(e.workflowTaskFailedEventAttributes))).toBe(false);
  expect(await scene.client.workflow.getHandle(`move/${name}/1`).result()).toMatchObject({ state: 'done' });
  expect(await service.weights()).toEqual({ a: 0, b: 100 });
  const text = `move/${name}/1 goes on by itself`;
  await eventually(() => scene.told.some((line) => line.includes(`${name}: nobody guards it`) && line.includes(text)));
  const control = { client: scene.client, address: '', namespace: scene.namespace, close: async () => {} };
  await expect(readGuard(control, name)).rejects.toThrow(/nobody guards/u);
});

describe('an order', () => {
  test('by update is answered with the move that it began', async () => {
    const { guard, moves } = await guarded(['a', 'b']);
    const reply = await guard.executeUpdate(switchoverUpdate, { args: [{ ...me, to: 'b' }] });
    expect(reply).toMatchObject({ accepted: true, message: 'switchover a → b begins' });
    expect(await guard.executeUpdate(switchoverUpdate, { args: [{ ...me, to: 'b' }] })).toMatchObject({
      accepted: false,
      code: 'already-moving',
    });
    await moves(1);
  });

  test('by a plain signal does the same', async () => {
    const { guard, moves } = await guarded(['a', 'b']);
    await guard.signal('switchover', { to: 'b', by: 'me', reason: 'by hand' });
    await moves(1);
    expect((await guard.query(historyQuery))[0]).toMatchObject({
      kind: 'switchover',
      state: 'done',
      by: 'me',
      reason: 'by hand',
      via: 'signal',
    });
  });

  test('of the wrong shape is answered, told, and fails no workflow task', async () => {
    const { service, guard } = await guarded(['a', 'b']);
    expect(
      await guard.executeUpdate(switchoverUpdate, { args: [{ ...me, to: 7 as unknown as string }] }),
    ).toMatchObject({ accepted: false, code: 'bad-input' });
    expect(await guard.executeUpdate(freezeUpdate, { args: [{ ...me, forMs: -1 }] })).toMatchObject({
      accepted: false,
      code: 'bad-input',
    });
    expect(await guard.executeUpdate(failoverUpdate, { args: [{ ...me, to: 'mars' }] })).toMatchObject({
      accepted: false,
      code: 'unknown-cluster',
    });
    await guard.signal('switchover', 'us-b please');
    await guard.signal('switchover', { to: 'mars' });
    await guard.signal('freeze', { forMs: 'long' });
    await eventually(
      () => scene.told.filter((line) => line.includes(service.spec.name) && line.includes('was refused')).length >= 3,
    );
    const history = await guard.fetchHistory();
    expect(history.events?.some((e) => Boolean(e.workflowTaskFailedEventAttributes))).toBe(false);
    expect(await service.weights()).toEqual({ a: 100, b: 0 });
  });
});

test('mode approve asks before it touches anything; the guard passes the yes on to the move', async () => {
  const { service, guard, say, view, moves } = await guarded(['a', 'b'], { mode: 'approve' });
  await say('a', 'dead');
  await eventually(async () => (await view()).move?.state === 'asking');
  expect(await service.weights()).toEqual({ a: 100, b: 0 });
  await guard.signal('approve', { by: 'me' });
  await moves(1);
  expect(await service.weights()).toEqual({ a: 0, b: 100 });
});

test('a move that was terminated in the UI is recorded as failed, and the service is not locked for ever', async () => {
  const { guard, say, view, moves } = await guarded(['a', 'b'], { mode: 'approve' });
  await say('a', 'dead');
  await eventually(async () => (await view()).move?.state === 'asking');
  await scene.client.workflow.getHandle((await view()).move?.id ?? '').terminate('by hand');
  await moves(1);
  expect((await guard.query(historyQuery))[0]).toMatchObject({ state: 'failed' });
});

test('continue-as-new loses nothing: neither verdicts, nor history, nor epoch, nor an order in between', async () => {
  const { service, guard, say, moves } = await guarded(['a', 'b']);
  const first = await guard.describe();
  await guard.executeUpdate(switchoverUpdate, { args: [{ ...me, to: 'b' }] });
  await moves(1);
  // The test server suggests to continue as new after 200 events; unfreezing is the cheapest word there is.
  for (let i = 0; i < 400 && (await guard.describe()).runId === first.runId; i += 1) await say('a', 'healthy');
  const latest = scene.client.workflow.getHandle<typeof serviceGuard>(guard.workflowId);
  // Not while words still come: a busy worker gets to it when they have ended.
  await eventually(async () => (await latest.describe()).runId !== first.runId);
  expect(await latest.query(historyQuery)).toHaveLength(1);
  expect(await query(latest)).toMatchObject({
    epoch: 1,
    intended: { a: 0, b: 100 },
    clusters: [{ verdict: 'healthy' }, { verdict: 'healthy' }],
  });
  await latest.signal('failback', { by: 'me', reason: 'after' });
  await eventually(async () => (await latest.query(historyQuery)).length === 2);
  expect(await service.weights()).toEqual({ a: 100, b: 0 });
});

test('a weight that somebody else changed is put right and told', async () => {
  const { service, guard, moves } = await guarded(['a', 'b']);
  await guard.signal('switchover', { to: 'b' });
  await moves(1);
  await scene.layer.write(service.spec.name, { a: 70, b: 30 }, { epoch: 1 });
  await eventually(async () => (await service.weights())['b'] === 100);
  await eventually(() =>
    scene.told.some((line) => line.includes(service.spec.name) && line.includes('somebody else changed the weights')),
  );
});

test('a service that left the configuration is forgotten by the layer and its guard ends', async () => {
  const { service, guard } = await guarded(['a', 'b']);
  await guard.signal(retireSignal);
  await guard.result();
  await expect(scene.layer.read(service.spec.name)).rejects.toMatchObject({ code: 'unknown-service' });
});
