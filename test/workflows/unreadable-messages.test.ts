/** What `npm run fuzz -- --only workflows` found, at its smallest: no message fails a workflow task. */
import { inject, afterAll, beforeAll, expect, test } from 'vitest';
import { randomUUID } from 'node:crypto';
import type { WorkflowHandle } from '@temporalio/client';
import { CONTROL_TASK_QUEUE, serviceGuardId } from '../../src/workflows/ids.js';
import { guardViewQuery, moveViewQuery } from '../../src/workflows/messages.js';
import type { move } from '../../src/workflows/move.js';
import type { serviceGuard } from '../../src/workflows/service-guard.js';
import { openScene, type Scene } from '../kit/move-scene.js';

let scene: Scene;
let guard: WorkflowHandle<typeof serviceGuard>;

beforeAll(async () => {
  scene = await openScene({ address: inject('temporalAddress'), workflowBundle: inject('workflowBundlePath') });
  const { spec, clusters } = await scene.service(['a', 'b']);
  guard = await scene.client.workflow.start<typeof serviceGuard>('serviceGuard', {
    taskQueue: CONTROL_TASK_QUEUE,
    workflowId: serviceGuardId(spec.name),
    args: [{ spec, clusters }],
  });
});
afterAll(async () => {
  await guard.terminate();
  await scene.close();
});

async function failedTasks(handle: WorkflowHandle): Promise<unknown[]> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).flatMap((event) => event.workflowTaskFailedEventAttributes?.failure?.message ?? []);
}

const deep = `{"by":${'['.repeat(5_000)}${']'.repeat(5_000)}}`;

test.each([
  ['JSON that breaks off', 'json/plain', '{"a":'],
  ['nothing where JSON was said', 'json/plain', ''],
  ['JSON nested 5,000 levels deep', 'json/plain', deep],
  ['an encoding that nobody knows', 'x/unknown', 'x'],
  ['protobuf of a type that nobody knows', 'json/protobuf', '{}'],
  ['no encoding', '', 'x'],
])('a guard goes on after a signal with %s', async (_name, encoding, text) => {
  const metadata = encoding === '' ? {} : { encoding: Buffer.from(encoding) };
  const { connection, options } = scene.client;
  await connection.workflowService.signalWorkflowExecution({
    namespace: options.namespace,
    workflowExecution: { workflowId: guard.workflowId },
    signalName: 'freeze',
    input: { payloads: [{ metadata, data: Buffer.from(text) }] },
    requestId: randomUUID(),
  });
  expect(await guard.query(guardViewQuery)).toMatchObject({ frozen: null });
  expect(await failedTasks(guard)).toEqual([]);
});

test('a word to a move that comes before its first workflow task is heard', async () => {
  const service = await scene.service(['a', 'b']);
  const handle = await scene.client.workflow.signalWithStart<typeof move, [object]>('move', {
    taskQueue: CONTROL_TASK_QUEUE,
    workflowId: `move/${service.spec.name}/1`,
    args: [service.moveInput({ to: 'b' })],
    signal: 'abort',
    signalArgs: [{ by: 'me' }],
  });
  expect(await handle.query(moveViewQuery)).toMatchObject({ id: handle.workflowId });
  expect(await failedTasks(handle)).toEqual([]);
  expect(await handle.result()).toMatchObject({ state: 'aborted' });
});
