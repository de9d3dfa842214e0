/** A guard that cannot go on, for its worker runs other code than the one that began it: told, named, and begun anew. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { Control } from '../../src/control/control.js';
import { readGuard } from '../../src/control/guards.js';
import { findFailingGuards } from '../../src/control/failing.js';
import { repairGuard } from '../../src/control/repair.js';
import { checkTasks } from '../../src/cli/doctor/remote-checks.js';
import { CONTROL_TASK_QUEUE, serviceGuardId } from '../../src/workflows/ids.js';
import { freezeUpdate, guardViewQuery, maintenanceUpdate, switchoverUpdate } from '../../src/workflows/messages.js';
import type { move } from '../../src/workflows/move.js';
import { bundleAltered } from '../replay/altered.js';
import { eventually } from '../kit/eventually.js';
import { openScene, type Scene } from '../kit/move-scene.js';
import { guardOfTwo, isQuiet, type Guard } from '../kit/restart-at-timer.js';

const me = { by: 'ada', reason: 'a test', via: 'cli' } as const;
const HOUR_MS = 3_600_000;

let scene: Scene;
let control: Control;
let guard: Guard;
const folder = mkdtempSync(join(tmpdir(), 'understudy-repair-'));
const service = (): string => guard.workflowId.slice(serviceGuardId('').length);

beforeAll(async () => {
  const { code } = await bundleAltered([
    { file: 'service-guard.ts', before: '  await guard.askVerdicts();\n', after: '' },
  ]);
  const altered = join(folder, 'altered.js');
  writeFileSync(altered, code);
  scene = await openScene({ address: inject('temporalAddress'), workflowBundle: inject('workflowBundlePath') });
  control = {
    client: scene.client,
    address: '',
    namespace: scene.namespace,
    close: async () => await Promise.resolve(),
  };
  // Begun by the altered code, which is gone afterwards.
  await scene.worker.die({ workflowBundle: altered });
  scene.worker.comeBack();
  guard = await guardOfTwo(scene);
  await guard.executeUpdate(switchoverUpdate, { args: [{ ...me, to: 'b' }] });
  await eventually(async () => {
    const { move, intended } = await guard.query(guardViewQuery);
    return move === null && intended['b'] === 100;
  }, 30_000);
  await guard.executeUpdate(freezeUpdate, { args: [{ ...me, forMs: HOUR_MS }] });
  await guard.executeUpdate(maintenanceUpdate, { args: [{ ...me, cluster: 'a', forMs: HOUR_MS }] });
  await eventually(async () => await isQuiet(guard));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  for await (const { workflowId } of scene.client.workflow.list({ query: "ExecutionStatus = 'Running'" }))
    await scene.client.workflow.getHandle(workflowId).terminate();
  await scene.close();
});

test('a guard that is well is not repaired', async () => {
  const { runId } = await guard.describe();
  await expect(repairGuard(control, service(), { ...me, dryRun: false })).rejects.toMatchObject({ code: 'not-broken' });
  expect((await guard.describe()).runId).toBe(runId);
  expect(await checkTasks(control)).toEqual([]);
});

test('one whose task fails is told to people, named by doctor, and begun anew with what it knew; no weight changes', async () => {
  const before = await scene.layer.read(service());
  const { runId: broken } = await guard.describe();
  await scene.worker.die({ workflowBundle: inject('workflowBundlePath'), tellFailingEveryMs: 200 });
  scene.worker.comeBack();
  // Whatever comes next gives it a task, and the task fails.
  await guard.signal('unfreeze', { by: 1 });
  await eventually(async () => (await checkTasks(control)).length > 0, 60_000);
  const [check] = await checkTasks(control);
  expect(check).toMatchObject({ name: guard.workflowId, state: 'problem' });
  expect(check?.found).toContain('Nondeterminism');
  expect(check?.fix).toContain(`understudy repair ${service()}`);
  expect(await findFailingGuards(control)).toEqual([service()]);
  const isTold = (line: string): boolean => line.includes(`${service()}: its guard cannot go on`);
  await eventually(() => scene.told.some(isTold), 30_000);
  expect(scene.told.find(isTold)).toContain(`understudy repair ${service()}`);

  expect(await repairGuard(control, service(), { ...me, dryRun: true })).toMatchObject({ done: false, begun: null });
  expect((await guard.describe()).runId).toBe(broken);

  const running = await moveBeside();
  await expect(repairGuard(control, service(), { ...me, dryRun: false })).rejects.toMatchObject({
    code: 'already-moving',
  });
  expect((await guard.describe()).runId).toBe(broken);
  await running.end();

  const repaired = await repairGuard(control, service(), { ...me, dryRun: false });
  expect(repaired).toMatchObject({ done: true, ended: broken, carried: { moves: 1, frozen: { by: 'ada' } } });
  const view = await readGuard(control, service());
  expect(view).toMatchObject({ frozen: { by: 'ada' }, move: null, whyNot: [{ trigger: 'repaired' }] });
  expect(view.clusters.find(({ name }) => name === 'a')?.maintenance).toMatchObject({ by: 'ada' });
  await eventually(async () => (await readGuard(control, service())).epoch === before.epoch);
  expect((await readGuard(control, service())).intended).toEqual(before.intended);
  expect(await scene.layer.read(service())).toMatchObject({ epoch: before.epoch, intended: before.intended });
  expect(await checkTasks(control)).toEqual([]);
  await forget(broken);
});

/** A move that runs on the service, as visibility tells; it asks, and touches nothing. */
async function moveBeside() {
  const { client } = scene;
  const elsewhere = await scene.service(['a', 'b']);
  const handle = await client.workflow.start<typeof move>('move', {
    taskQueue: CONTROL_TASK_QUEUE,
    workflowId: `move/${service()}/99`,
    args: [elsewhere.moveInput({ to: 'b' }, { approval: 'required' })],
  });
  const isListed = async (): Promise<boolean> => {
    for await (const { workflowId } of client.workflow.list({
      query: "WorkflowType = 'move' AND ExecutionStatus = 'Running'",
    }))
      if (workflowId === handle.workflowId) return true;
    return false;
  };
  await eventually(isListed);
  return {
    end: async () => {
      await handle.signal('abort', { by: 'ada' });
      await handle.result();
      await eventually(async () => !(await isListed()));
    },
  };
}

/** It was not written by the runbooks of today: whoever replays all that ran must not find it. */
async function forget(runId: string): Promise<void> {
  const { client, namespace } = scene;
  const workflowExecution = { workflowId: guard.workflowId, runId };
  await client.workflowService.deleteWorkflowExecution({ namespace, workflowExecution });
  // Lists know it for longer on a busy server.
  const isThere = async (): Promise<boolean> =>
    await client.workflow
      .getHandle(guard.workflowId, runId)
      .fetchHistory()
      .then(
        () => true,
        () => false,
      );
  await eventually(async () => !(await isThere()));
}
