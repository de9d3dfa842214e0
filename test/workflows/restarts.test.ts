/**
 * A control worker that is away when a timer of a workflow fires, with a question that waits for its return: the question
 * reaches the new worker before the workflow's task does (docs/temporal.md, "Time and replay").
 */
import { inject, afterAll, beforeAll, expect, test } from 'vitest';
import { askWorkflow } from '../../src/control/ask.js';
import { guardViewQuery } from '../../src/workflows/messages.js';
import { eventually } from '../kit/eventually.js';
import { openScene, type Scene } from '../kit/move-scene.js';
import { askBeforeTheTimer, freeze, guardOfTwo, isQuiet, say } from '../kit/restart-at-timer.js';
import { mustReplay } from '../kit/whole-replay.js';

/** Of whoever asks. */
const PATIENCE_MS = 30_000;

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ address: inject('temporalAddress'), workflowBundle: inject('workflowBundlePath') });
});
afterAll(async () => {
  for await (const { workflowId } of scene.client.workflow.list({ query: "ExecutionStatus = 'Running'" }))
    await scene.client.workflow.getHandle(workflowId).terminate();
  await scene.close();
});

test('a question that waits since before a timer fired bricks no guard, and is answered', async () => {
  const guard = await guardOfTwo(scene);
  await freeze(guard);
  const { answer } = await askBeforeTheTimer(
    scene,
    guard,
    async () => await askWorkflow(scene.client, guard.workflowId, guardViewQuery, PATIENCE_MS),
  );
  scene.worker.comeBack();
  const view = await answer;
  await eventually(async () => await isQuiet(guard));
  expect(await mustReplay(scene.client, inject('workflowBundlePath'))).toBeGreaterThan(0);
  expect(view).toMatchObject({ frozen: null });
});

test('nor does what comes between that question and the task', async () => {
  const guard = await guardOfTwo(scene);
  await freeze(guard);
  await say(guard, 'a', 'dead');
  const { answer } = await askBeforeTheTimer(
    scene,
    guard,
    async () => await guard.query(guardViewQuery).catch(() => null),
  );
  scene.worker.comeBack();
  await answer;
  // Heard together with the end of the freeze: nothing is to be done any more.
  await say(guard, 'a', 'healthy');
  await eventually(async () => await isQuiet(guard));
  expect(await mustReplay(scene.client, inject('workflowBundlePath'))).toBeGreaterThan(0);
});
