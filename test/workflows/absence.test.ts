/** A traffic layer that is away at any point of a move, for longer than the move asks without telling anybody. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { MoveRecord } from '../../src/domain/move-record.js';
import type { MoveInput } from '../../src/domain/plan/types.js';
import { CONTROL_TASK_QUEUE } from '../../src/workflows/ids.js';
import { abortUpdate, approveUpdate, moveViewQuery } from '../../src/workflows/messages.js';
import type { move } from '../../src/workflows/move.js';
import { eventually } from '../kit/eventually.js';
import { openScene, type Scene, type TestService } from '../kit/move-scene.js';
import { runs } from '../kit/runs.js';

const me = { by: 'me', reason: 'a test', via: 'cli' } as const;

/** How much longer than it takes the move to say so the layer is away, ms: nothing in CI, up to two minutes in `test:long`. */
const LONGER_MS = (runs(1) - 1) * 35_000;
const TIMEOUT_MS = 120_000 + 2 * LONGER_MS;

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ address: inject('temporalAddress'), workflowBundle: inject('workflowBundlePath') });
});
afterAll(async () => await scene.close());

/** When the layer goes away: with this request, in this step of the move. */
type Moment = (request: string, step: string) => boolean;

/** Every point at which a move needs the layer, in order. */
const MOMENTS: readonly (readonly [name: string, moment: Moment])[] = [
  ['at the preflight', (request, step) => step === 'preflight' && request.startsWith('GET')],
  ['at the fence', (request) => request.startsWith('PUT /fence')],
  ['at the first weight', (request) => request.startsWith('PUT /routes')],
  ['while the first step is watched', (request, step) => step === 'ramp 25 %' && request.startsWith('GET')],
  ['at the last weight', (request, step) => step === 'ramp 100 %' && request.startsWith('PUT /routes')],
  ['while the last step is watched', (request, step) => step === 'ramp 100 %' && request.startsWith('GET')],
  ['when the weights are confirmed', (_request, step) => step === 'confirm'],
  ['when the source is drained', (request) => request.startsWith('POST /drain')],
  ['while the source is drained', (request, step) => step === 'drain a' && request.startsWith('GET')],
  ['when the drain ends', (request) => request.startsWith('POST /undrain')],
  ['at the end check', (_request, step) => step === 'end check'],
];

interface Away {
  readonly service: TestService;
  readonly handle: WorkflowHandle<typeof move>;
  /** Resolves when the move is waiting for the layer. */
  readonly isWaiting: Promise<void>;
  readonly comeBack: () => void;
}

async function startWithAbsence(
  moment: Moment,
  change: (input: MoveInput) => MoveInput = (input) => input,
): Promise<Away> {
  const service = await scene.service(['a', 'b']);
  const { name } = service.spec;
  const handle = scene.client.workflow.getHandle<typeof move>(`move/${name}/1`);
  const comeBack = scene.wire.goAway(name, async (request) => {
    const { step } = await handle.query(moveViewQuery);
    return moment(request, step);
  });
  await scene.client.workflow.start<typeof move>('move', {
    taskQueue: CONTROL_TASK_QUEUE,
    workflowId: handle.workflowId,
    args: [change(service.moveInput({ to: 'b' }))],
  });
  const isWaiting = eventually(async () => (await handle.query(moveViewQuery)).state === 'waiting', 90_000).then(
    async () => await sleep(LONGER_MS),
  );
  return { service, handle, isWaiting, comeBack };
}

const MOVED = { a: 0, b: 100 };
const names = ({ steps }: MoveRecord): string[] => steps.map((step) => step.name);

describe.concurrent('a traffic layer that is away', { timeout: TIMEOUT_MS }, () => {
  test.each(MOMENTS)('%s is waited for, and the move is done when it is back', async (_name, moment) => {
    const { service, handle, isWaiting, comeBack } = await startWithAbsence(moment);
    await isWaiting;
    comeBack();
    const record = await handle.result();
    expect(record).toMatchObject({ state: 'done', weights: MOVED });
    expect(names(record)).not.toContain('ramp back');
    expect(await service.weights()).toEqual(MOVED);
    expect(scene.told.join('\n')).toContain('The move waits for it; nothing is undone meanwhile');
  });

  test.each(MOMENTS.slice(0, 2))(
    '%s is waited for until a person ends it: nothing was touched',
    async (_name, moment) => {
      const { service, handle, isWaiting, comeBack } = await startWithAbsence(moment);
      await isWaiting;
      await handle.executeUpdate(abortUpdate, { args: [me] });
      expect(await handle.result()).toMatchObject({ state: 'aborted', endedBy: 'me' });
      comeBack();
      expect(await service.weights()).toEqual({ a: 100, b: 0 });
    },
  );

  test('past the point of no return is waited for until a person ends it: what has moved stays', async () => {
    const { service, handle, isWaiting, comeBack } = await startWithAbsence((_request, step) => step === 'end check');
    await isWaiting;
    expect(await handle.executeUpdate(abortUpdate, { args: [me] })).toMatchObject({
      message: expect.stringContaining('stays') as string,
    });
    comeBack();
    expect(await handle.result()).toMatchObject({ state: 'done', endedBy: 'me', weights: MOVED });
    expect(await service.weights()).toEqual(MOVED);
  });

  test('for long is asked about when it is back, where the configuration says so', async () => {
    const asksFromMs = 1_000;
    const { handle, isWaiting, comeBack } = await startWithAbsence(
      (request) => request.startsWith('PUT /fence'),
      (input) => ({ ...input, plan: { ...input.plan, afterAbsence: { asksFromMs } } }),
    );
    await isWaiting;
    await sleep(2 * asksFromMs); // the absence itself must last
    comeBack();
    await eventually(async () => (await handle.query(moveViewQuery)).state === 'asking');
    await handle.executeUpdate(approveUpdate, { args: [me] });
    expect(await handle.result()).toMatchObject({ state: 'done', weights: MOVED });
  });
});
