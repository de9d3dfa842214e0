/** A control worker that is away while a planned step is watched, for longer than the step may take. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { CONTROL_TASK_QUEUE } from '../../src/workflows/ids.js';
import { moveViewQuery } from '../../src/workflows/messages.js';
import type { move } from '../../src/workflows/move.js';
import { eventually } from '../kit/eventually.js';
import { openScene, type Scene } from '../kit/move-scene.js';
import { runs } from '../kit/runs.js';

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ address: inject('temporalAddress'), workflowBundle: inject('workflowBundlePath') });
});
afterAll(async () => await scene.close());

/** The watch of a step is given up by Temporal 30 s after its deadline. */
const DEADLINE_MS = 3_000;
const AWAY_MS = DEADLINE_MS + 32_000;

/** The one that takes longer is for `npm run test:long`. */
const CASES = [
  ['that goes on afterwards', DEADLINE_MS + 2_000],
  ['that is given up meanwhile', AWAY_MS],
] as const;

test.each(CASES.slice(0, runs(1)))('a step %s asks nobody: what nobody saw does not count', async (_name, awayMs) => {
  const service = await scene.service(['a', 'b']);
  const gate = { bakeMs: 1_500, deadlineMs: DEADLINE_MS, undecided: 'ask', slowFirstTokenMs: null } as const;
  const input = service.moveInput({ to: 'b' });
  const steps = input.plan.steps.map((step) => ({ ...step, gate }));
  const handle = await scene.client.workflow.start<typeof move>('move', {
    taskQueue: CONTROL_TASK_QUEUE,
    workflowId: `move/${service.spec.name}/1`,
    args: [{ ...input, plan: { ...input.plan, steps } }],
  });
  await eventually(async () => (await handle.query(moveViewQuery)).step === 'ramp 25 %');
  await scene.worker.die();
  await new Promise((resolve) => setTimeout(resolve, awayMs)); // how long it is away is what is tested
  scene.worker.comeBack();
  const record = await handle.result();
  expect(record).toMatchObject({ state: 'done', weights: { a: 0, b: 100 } });
  expect(record.steps.map(({ name, verdict }) => [name, verdict])).toContainEqual(['ramp 25 %', 'proceed']);
  expect(scene.told.join('\n')).not.toContain('Go on?');
});
