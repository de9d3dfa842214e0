/** Whatever change of a move fails, and wherever an answer is lost: the end is a named state and nothing is left over. */
import { inject, afterAll, beforeAll, expect, test } from 'vitest';
import type { MoveRecord } from '../../src/domain/move-record.js';
import { CONTROL_TASK_QUEUE } from '../../src/workflows/ids.js';
import type { move } from '../../src/workflows/move.js';
import { openScene, type Scene, type TestService } from '../kit/move-scene.js';

/** The changes of a planned move that can be undone, in order: fence, 25 %, 100 %, drain. */
const UNDOABLE = [0, 1, 2, 3];
/** The last one: the drain ends. */
const CHANGES = [...UNDOABLE, 4];

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

test('the end of the drain is refused: the traffic stays where it is well, and the record says so', async () => {
  const service = await scene.service(['a', 'b']);
  scene.wire.arm({ kind: 'refuse', n: UNDOABLE.length, service: service.spec.name });
  const record = await run(service);
  expect(record).toMatchObject({ state: 'done', weights: { a: 0, b: 100 } });
  expect(record.steps).toContainEqual(expect.objectContaining({ name: 'drain a', verdict: 'stays drained' }));
});

/** All traffic where it was, nothing drained, nothing but the epoch to show for it. */
async function expectCleanSlate(service: TestService): Promise<void> {
  const state = await scene.layer.read(service.spec.name);
  expect(state.intended).toEqual({ a: 100, b: 0 });
  expect(state.effective).toEqual({ a: 100, b: 0 });
  expect(Object.values(state.clusters).map((c) => c.drained)).toEqual([false, false]);
}
