/** Whatever change of a move fails, and wherever an answer is lost: the end is a named state and nothing is left over. */
import { inject, afterAll, beforeAll, expect, test } from 'vitest';
import type { MoveRecord } from '../../src/domain/move-record.js';
import { CONTROL_TASK_QUEUE } from '../../src/workflows/ids.js';
import type { move } from '../../src/workflows/move.js';
import { openScene, type Scene, type TestService } from '../kit/move-scene.js';

/** The changes of a planned move that are undone when a later one fails, in order: fence, 25 %, 100 %. */
const UNDOABLE = [0, 1, 2];
/** Past the point of no return: the drain begins, and ends. */
const DRAIN = 3;
const END_OF_DRAIN = 4;
const CHANGES = [...UNDOABLE, DRAIN, END_OF_DRAIN];

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ address: inject('temporalAddress'), workflowBundle: inject('workflowBundlePath') });
});
afterAll(async () => await scene.close());

async function run(service: TestService): Promise<MoveRecord> {
  return await scene.client.workflow.execute<typeof move>('move', {
    taskQueue: CONTROL_TASK_QUEUE,
    workflowId: `move/${service.spec.name}/1`,
    args: [service.moveInput({ to: 'b' })],
  });
}

test.each(CHANGES)('the answer to change %i is lost: the move ends done all the same', async (n) => {
  const service = await scene.service(['a', 'b']);
  scene.wire.arm({ kind: 'lose', n, service: service.spec.name });
  const record = await run(service);
  expect(record).toMatchObject({ state: 'done', weights: { a: 0, b: 100 } });
  // The change was repeated, with the same absolute weights and the same epoch.
  expect(scene.wire.changes).toHaveLength(CHANGES.length + 1);
});

test.each(UNDOABLE)('change %i is refused: nothing is left over', async (n) => {
  const service = await scene.service(['a', 'b']);
  scene.wire.arm({ kind: 'refuse', n, service: service.spec.name });
  const record = await run(service);
  expect(['failed', 'rolled-back']).toContain(record.state);
  expect(record.state === 'failed').toBe(n === 0);
  await expectCleanSlate(service);
});

test.each([
  ['the drain', DRAIN, 'failed'],
  ['the end of the drain', END_OF_DRAIN, 'stays drained'],
])('%s is refused: the traffic stays where it is well, and the record says so', async (_name, n, verdict) => {
  const service = await scene.service(['a', 'b']);
  scene.wire.arm({ kind: 'refuse', n, service: service.spec.name });
  const record = await run(service);
  expect(record).toMatchObject({ state: 'done', weights: { a: 0, b: 100 } });
  expect(record.steps).toContainEqual(expect.objectContaining({ name: 'drain a', verdict }));
  expect(await service.weights()).toEqual({ a: 0, b: 100 });
});

/** All traffic where it was, nothing drained, nothing but the epoch to show for it. */
async function expectCleanSlate(service: TestService): Promise<void> {
  const state = await scene.layer.read(service.spec.name);
  expect(state.intended).toEqual({ a: 100, b: 0 });
  expect(state.effective).toEqual({ a: 100, b: 0 });
  expect(Object.values(state.clusters).map((c) => c.drained)).toEqual([false, false]);
}
