/**
 * A write that is on its way for long arrives after its own repetition, and after what followed: at each write of each
 * kind of move, at each later moment, the weights are those of the end that the move names.
 */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { WorkflowHandle } from '@temporalio/client';
import type { MoveInput } from '../../src/domain/plan/types.js';
import { CONTROL_TASK_QUEUE } from '../../src/workflows/ids.js';
import { abortUpdate, moveViewQuery } from '../../src/workflows/messages.js';
import type { move } from '../../src/workflows/move.js';
import { eventually } from '../kit/eventually.js';
import { openScene, type Scene, type TestService } from '../kit/move-scene.js';

const STALE = 409;

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ address: inject('temporalAddress'), workflowBundle: inject('workflowBundlePath') });
});
afterAll(async () => await scene.close());

interface Kind {
  readonly input: (service: TestService) => MoveInput;
  /** What happens on the way. */
  readonly meanwhile?: (handle: WorkflowHandle<typeof move>) => Promise<void>;
  readonly state: string;
  readonly weights: Record<string, number>;
  /** Changes of the layer, in order. */
  readonly writes: readonly string[];
}

const endless = { bakeMs: 600_000, deadlineMs: 600_000, undecided: 'ask', slowFirstTokenMs: null } as const;

const KINDS: Readonly<Record<string, Kind>> = {
  'a switchover': {
    input: (service) => service.moveInput({ to: 'b' }),
    state: 'done',
    weights: { a: 0, b: 100 },
    writes: ['fence', '25 %', '100 %', 'drain', 'end of drain'],
  },
  'a failover': {
    input: (service) => ({
      ...service.moveInput({ kind: 'failover', verdicts: { a: 'dead' } }),
      targetProvenAtMs: Date.now(),
    }),
    state: 'done',
    weights: { a: 0, b: 100 },
    writes: ['25 %', '100 %', 'drain', 'end of drain'],
  },
  'a move that is aborted': {
    input: (service) => {
      const input = service.moveInput({ to: 'b' });
      const steps = input.plan.steps.map((step, i) => (i === 1 ? { ...step, gate: endless } : step));
      return { ...input, plan: { ...input.plan, steps } };
    },
    meanwhile: async (handle) => {
      await eventually(async () => (await handle.query(moveViewQuery)).step === 'ramp 100 %');
      await handle.executeUpdate(abortUpdate, { args: [{ by: 'me', reason: 'a test', via: 'cli' }] });
    },
    state: 'aborted',
    weights: { a: 100, b: 0 },
    writes: ['fence', '25 %', '100 %', 'back to 25 %', 'back to 0 %'],
  },
};

const CASES = Object.entries(KINDS).flatMap(([name, kind]) =>
  kind.writes.map((write, n) => [name, write, n, kind] as const),
);

describe.concurrent('a write that arrives late', () => {
  test.each(CASES)('%s: %s', async (_name, _write, n, { input, meanwhile, state, weights, writes }) => {
    const service = await scene.service(['a', 'b']);
    const { name } = service.spec;
    const deliver = scene.wire.hold(name, n);
    const handle = await scene.client.workflow.start<typeof move>('move', {
      taskQueue: CONTROL_TASK_QUEUE,
      workflowId: `move/${name}/1`,
      args: [input(service)],
    });
    await meanwhile?.(handle);
    expect(await handle.result()).toMatchObject({ state, weights });
    const isLast = n === writes.length - 1;
    // The last write of all says once more what holds.
    expect(await deliver()).toBe(isLast ? 200 : STALE);
    const after = await scene.layer.read(name);
    expect(after.intended).toEqual(weights);
    expect(Object.values(after.clusters).map(({ drained }) => drained)).toEqual([false, false]);
  });
});
