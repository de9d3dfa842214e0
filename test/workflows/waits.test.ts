/** A guard hears worse news while a move of it waits for a person: nobody's callers wait along. */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { WorkflowHandle } from '@temporalio/client';
import type { ServiceSpec } from '../../src/domain/fleet.js';
import type { Verdict } from '../../src/domain/words.js';
import { CONTROL_TASK_QUEUE, moveId, serviceGuardId } from '../../src/workflows/ids.js';
import {
  clusterVerdictSignal,
  explainQuery,
  guardViewQuery,
  historyQuery,
  moveViewQuery,
  pauseUpdate,
  switchoverUpdate,
} from '../../src/workflows/messages.js';
import type { move } from '../../src/workflows/move.js';
import type { serviceGuard } from '../../src/workflows/service-guard.js';
import { eventually } from '../kit/eventually.js';
import { openScene, QUICK_MOVES, type Scene, type TestService } from '../kit/move-scene.js';
import { closeWithGuards } from '../kit/restart-at-timer.js';

const me = { by: 'me', reason: 'a test', via: 'cli' } as const;
/** Nobody answers within the test, and no step decides itself. */
const WAITS: ServiceSpec['move'] = {
  ...QUICK_MOVES,
  planned: [50, 100],
  approvalTimeoutMs: 600_000,
  stepDeadlineMs: 600_000,
  bakeMs: 600_000,
};

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ address: inject('temporalAddress'), workflowBundle: inject('workflowBundlePath') });
});
afterAll(async () => await closeWithGuards(scene));

interface Waiting {
  readonly service: TestService;
  readonly guard: WorkflowHandle<typeof serviceGuard>;
  readonly moving: WorkflowHandle<typeof move>;
  say(cluster: string, verdict: Verdict): Promise<void>;
  /** When the guard knows that its move waits for a person. */
  guardKnows(state: 'asking' | 'paused'): Promise<void>;
}

/** A person's switchover from a to b; c is free. */
async function switchover(change: Partial<ServiceSpec['move']> = {}, isDoubtful = false): Promise<Waiting> {
  const service = await scene.service(['a', 'b', 'c'], { move: { ...WAITS, ...change } });
  const { name } = service.spec;
  const guard = await scene.client.workflow.start<typeof serviceGuard>('serviceGuard', {
    taskQueue: CONTROL_TASK_QUEUE,
    workflowId: serviceGuardId(name),
    args: [{ spec: service.spec, clusters: service.clusters }],
  });
  const say = async (cluster: string, verdict: Verdict): Promise<void> => {
    const fact = { dimension: 'passive', seen: 'requests fail', threshold: '', sinceMs: Date.now(), by: 'x' } as const;
    const diagnosis = { verdict, sinceMs: Date.now(), evidence: [fact] };
    await guard.signal(clusterVerdictSignal, { cluster, diagnosis, lastGenerationOkAtMs: Date.now() });
  };
  for (const cluster of ['a', 'b', 'c']) await say(cluster, 'healthy');
  // Weights that nobody expects are a question of the preflight.
  if (isDoubtful) await scene.layer.write(name, { a: 90, b: 10, c: 0 }, { epoch: 0 });
  await guard.executeUpdate(switchoverUpdate, { args: [{ ...me, to: 'b' }] });
  const moving = scene.client.workflow.getHandle<typeof move>(moveId(name, 1));
  const guardKnows = async (state: string): Promise<void> =>
    await eventually(async () => (await guard.query(guardViewQuery)).move?.state === state);
  return { service, guard, moving, say, guardKnows };
}

const halfway = async (moving: WorkflowHandle<typeof move>): Promise<void> =>
  await eventually(async () => (await moving.query(moveViewQuery).catch(() => null))?.step === 'ramp 50 %');

const movesOf = async (guard: WorkflowHandle<typeof serviceGuard>, count: number) => {
  await eventually(async () => (await guard.query(historyQuery)).length >= count);
  return await guard.query(historyQuery);
};

describe.concurrent('a move that waits for a person', () => {
  test('paused halfway, its target dies: it goes back at once', async () => {
    const { service, guard, moving, say, guardKnows } = await switchover();
    await halfway(moving);
    await moving.executeUpdate(pauseUpdate, { args: [me] });
    await guardKnows('paused');
    const { clusters, automation } = await guard.query(explainQuery);
    expect(automation.join()).toContain('waits for a person');
    expect(clusters.find(({ name }) => name === 'b')?.ifDead).toContain('would wait for nobody any more');
    service.apps['b']?.close();
    await say('b', 'dead');
    expect(await moving.result()).toMatchObject({ state: 'aborted', weights: { a: 100, b: 0, c: 0 } });
    expect(await service.weights()).toEqual({ a: 100, b: 0, c: 0 });
    expect(scene.told.join('\n')).toContain(
      'The pause of me ends, for callers would pay for it: b went down meanwhile',
    );
    expect((await guard.query(historyQuery)).length).toBeLessThan(2);
  });

  test('paused halfway, the cluster that it leaves dies: a failover follows', async () => {
    const { service, guard, moving, say, guardKnows } = await switchover();
    await halfway(moving);
    await moving.executeUpdate(pauseUpdate, { args: [me] });
    await guardKnows('paused');
    service.apps['a']?.close();
    await say('a', 'dead');
    const [last, first] = await movesOf(guard, 2);
    expect(first).toMatchObject({ kind: 'switchover', state: 'aborted' });
    expect(last).toMatchObject({ kind: 'failover', state: 'done' });
    expect((await service.weights())['a']).toBe(0);
  });

  test('asks halfway, the cluster that it leaves dies: a failover follows', async () => {
    const { service, guard, moving, say, guardKnows } = await switchover({ stepDeadlineMs: 1 });
    await guardKnows('asking');
    expect((await moving.query(moveViewQuery)).step).toBe('ramp 50 %');
    service.apps['a']?.close();
    await say('a', 'dead');
    const [last, first] = await movesOf(guard, 2);
    expect(first).toMatchObject({ kind: 'switchover', state: 'aborted' });
    expect(last).toMatchObject({ kind: 'failover', state: 'done' });
    expect((await service.weights())['a']).toBe(0);
  });

  test('asks before it touched anything, the serving cluster dies: a failover follows', async () => {
    const { service, guard, moving, say, guardKnows } = await switchover({}, true);
    await guardKnows('asking');
    expect(await moving.query(moveViewQuery)).toMatchObject({ step: 'preflight', touched: false });
    service.apps['a']?.close();
    await say('a', 'dead');
    const [last, first] = await movesOf(guard, 2);
    expect(first).toMatchObject({
      kind: 'switchover',
      state: 'aborted',
      why: 'nothing was touched: a failed meanwhile',
    });
    expect(last).toMatchObject({ kind: 'failover' });
    expect((await service.weights())['a']).toBe(0);
  });

  test('keeps its pause where the configuration says so', async () => {
    const { service, moving, say, guardKnows } = await switchover({ pauseYields: false });
    await halfway(moving);
    await moving.executeUpdate(pauseUpdate, { args: [me] });
    await guardKnows('paused');
    await say('b', 'dead');
    await eventually(() => scene.told.some((line) => line.includes('b is dead now')));
    expect(await moving.query(moveViewQuery)).toMatchObject({ state: 'paused' });
    expect(await service.weights()).toEqual({ a: 50, b: 50, c: 0 });
  });
});
