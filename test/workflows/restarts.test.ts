/**
 * A control worker that is away when a timer of a workflow fires, with a question that waits for its return: the question
 * reaches the new worker before the workflow's task does (docs/temporal.md, "Time and replay").
 */
import { inject, afterAll, beforeAll, expect, test } from 'vitest';
import { askWorkflow } from '../../src/control/ask.js';
import { CONTROL_TASK_QUEUE } from '../../src/workflows/ids.js';
import { fleetViewSignal, guardViewQuery, retireSignal } from '../../src/workflows/messages.js';
import { configureWhileItReports } from '../kit/configure-while-it-reports.js';
import { eventually } from '../kit/eventually.js';
import { openScene, type Scene } from '../kit/move-scene.js';
import {
  askBeforeTheTimer,
  closeWithGuards,
  freeze,
  type Guard,
  guardOfTwo,
  isQuiet,
  say,
  viewIfAnswered,
} from '../kit/restart-at-timer.js';
import { mustReplay } from '../kit/whole-replay.js';

/** Of whoever asks. */
const PATIENCE_MS = 30_000;

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ address: inject('temporalAddress'), workflowBundle: inject('workflowBundlePath') });
});
afterAll(async () => await closeWithGuards(scene));

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
  const { answer } = await askBeforeTheTimer(scene, guard, viewIfAnswered(guard));
  scene.worker.comeBack();
  await answer;
  // Heard together with the end of the freeze: nothing is to be done any more.
  await say(guard, 'a', 'healthy');
  await eventually(async () => await isQuiet(guard));
  expect(await mustReplay(scene.client, inject('workflowBundlePath'))).toBeGreaterThan(0);
});

test('nor does a question that comes back from a worker which took it, and the next task, into its death', async () => {
  const guard = await guardOfTwo(scene);
  await eventually(async () => await isQuiet(guard));
  const queue = await ownQueueOf(guard);
  await scene.worker.die();
  // In the place of the dead worker: takes both, and answers nothing.
  const answer = guard.query(guardViewQuery).catch(() => null);
  expect((await take(queue)).query).toBeTruthy();
  await guard.signal(fleetViewSignal, { brake: { why: 'a test', untilMs: Date.now() + BRAKE_MS }, panic: null });
  expect((await take(queue)).query).toBeFalsy();
  scene.worker.comeBack();
  await answer;
  // The brake is over by the time at which the task is given out again: nothing is to be waited for.
  await eventually(async () => await isQuiet(guard), PATIENCE_MS);
  expect(await mustReplay(scene.client, inject('workflowBundlePath'))).toBeGreaterThan(0);
});

test('a cluster that is configured while its guards are told can be repeated', async () => {
  const handle = await configureWhileItReports(scene);
  await handle.signal(retireSignal);
  await handle.result();
  expect(await mustReplay(scene.client, inject('workflowBundlePath'))).toBeGreaterThan(0);
});

/** Shorter than the 10 s after which a task is given out again. */
const BRAKE_MS = 5_000;
const STICKY = 2;

/** The queue of the worker that has the guard in its cache. */
async function ownQueueOf(guard: Guard): Promise<string> {
  const { events } = await guard.fetchHistory();
  const queues = (events ?? []).flatMap((event) => event.workflowTaskScheduledEventAttributes?.taskQueue ?? []);
  return queues.findLast(({ kind }) => Number(kind) === STICKY)?.name ?? '';
}

async function take(queue: string) {
  const { connection, workflowService, options } = scene.client;
  const taskQueue = { name: queue, kind: STICKY, normalName: CONTROL_TASK_QUEUE };
  const order = { namespace: options.namespace, taskQueue, identity: 'takes and dies' };
  return await connection.withDeadline(
    Date.now() + PATIENCE_MS,
    async () => await workflowService.pollWorkflowTaskQueue(order),
  );
}
