import { inject, afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { WorkflowHandle } from '@temporalio/client';
import type { MoveRecord } from '../../src/domain/move-record.js';
import type { MoveInput } from '../../src/domain/plan/types.js';
import { CONTROL_TASK_QUEUE } from '../../src/workflows/ids.js';
import {
  abortUpdate,
  approveUpdate,
  declineUpdate,
  moveViewQuery,
  pauseUpdate,
  resumeUpdate,
  skipStepUpdate,
} from '../../src/workflows/messages.js';
import type { move } from '../../src/workflows/move.js';
import { memberVerdictSignal, supersedeSignal } from '../../src/workflows/operator.js';
import { eventually } from '../kit/eventually.js';
import { openScene, type Scene, type TestService } from '../kit/move-scene.js';

const me = { by: 'me', reason: 'a test', via: 'cli' } as const;
/** Steps that nobody decides: only a person ends them. */
const endlessGate = { bakeMs: 600_000, deadlineMs: 600_000, undecided: 'ask', slowFirstTokenMs: null } as const;

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ address: inject('temporalAddress'), workflowBundle: inject('workflowBundlePath') });
});
afterAll(async () => await scene.close());

let runs = 0;
async function start(input: MoveInput): Promise<WorkflowHandle<typeof move>> {
  return await scene.client.workflow.start<typeof move>('move', {
    taskQueue: CONTROL_TASK_QUEUE,
    workflowId: `move/${input.plan.service}/${(runs += 1)}`,
    args: [input],
  });
}

async function run(input: MoveInput): Promise<MoveRecord> {
  return await (await start(input)).result();
}

const reaches = async (handle: WorkflowHandle<typeof move>, step: string): Promise<void> =>
  await eventually(async () => (await handle.query(moveViewQuery)).step === step);

const asks = async (handle: WorkflowHandle<typeof move>): Promise<void> =>
  await eventually(async () => (await handle.query(moveViewQuery)).state === 'asking');

function withGate(service: TestService, gate: typeof endlessGate): MoveInput {
  const input = service.moveInput({ to: 'b' });
  return { ...input, plan: { ...input.plan, steps: input.plan.steps.map((s) => ({ ...s, gate })) } };
}

describe('a switchover', () => {
  test('ends done with all weight on the target, each step written down', async () => {
    const service = await scene.service(['a', 'b']);
    const record = await run(service.moveInput({ to: 'b' }));
    expect(record).toMatchObject({ state: 'done', weights: { a: 0, b: 100 } });
    expect(record.steps.map((s) => s.name)).toEqual([
      'preflight',
      'warm up',
      'ramp 25 %',
      'ramp 100 %',
      'confirm',
      'drain a',
      'end check',
    ]);
    expect(record.report).toMatchObject({ requests: { lost: 0, cut: 0 } });
    expect(await service.weights()).toEqual({ a: 0, b: 100 });
  });

  test('leaves its source at weight 0, and still there when all others fail', async () => {
    const service = await scene.service(['a', 'b']);
    await run(service.moveInput({ to: 'b' }));
    expect((await scene.layer.read(service.spec.name)).clusters['a']?.drained).toBe(false);
  });

  test('leaves a source that somebody works on drained', async () => {
    const service = await scene.service(['a', 'b']);
    await run(service.moveInput({ to: 'b', barred: { a: 'in maintenance by bob' } }));
    expect((await scene.layer.read(service.spec.name)).clusters['a']?.drained).toBe(true);
  });

  test('has its target read first what callers ask again and again, and says so once', async () => {
    const service = await scene.service(['a', 'b']);
    const system = { role: 'system', content: 'You answer in verse. '.repeat(10) };
    for (const question of ['one', 'two', 'three']) {
      const body = { model: service.spec.name, messages: [system, { role: 'user', content: question }], max_tokens: 2 };
      const headers = { 'content-type': 'application/json', 'x-understudy-service': service.spec.name };
      const url = `${scene.gateway.url}/v1/chat/completions`;
      await (await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })).text();
    }
    const record = await run(service.moveInput({ to: 'b' }));
    const why = /^warmed b with 1 prefixes in \d+(?:\.\d)? s$/u;
    expect(record.steps.find((s) => s.name === 'warm up')).toMatchObject({
      verdict: 'done',
      why: expect.stringMatching(why),
    });
    await eventually(() =>
      scene.told.some((line) => line.includes(service.spec.name) && line.includes('warmed b with 1')),
    );
  });

  test('whose target shows errors is ramped back and ends rolled back', async () => {
    const service = await scene.service(['a', 'b']);
    const handle = await start(withGate(service, endlessGate));
    await reaches(handle, 'ramp 25 %');
    service.apps['b']?.setFaults([{ kind: 'errors', params: { share: 1, as: 'status', status: 500 } }]);
    const record = await handle.result();
    expect(record).toMatchObject({ state: 'rolled-back', weights: { a: 100, b: 0 } });
    expect(record.why).toContain('requests failed');
    expect(await service.weights()).toEqual({ a: 100, b: 0 });
  });

  test('to a target that gives no answer touches nothing', async () => {
    const service = await scene.service(['a', 'b']);
    service.apps['b']?.close();
    const record = await run(service.moveInput({ to: 'b' }));
    expect(record).toMatchObject({ state: 'failed', weights: { a: 100, b: 0 } });
    expect(record.why).toContain('nothing was touched: b gave no answer');
  });

  test('to a target that serves another model touches nothing', async () => {
    const service = await scene.service(['a', 'b']);
    const input = service.moveInput({ to: 'b' });
    const other = { ...input.clusters, b: { ...input.clusters['b']!, model: 'n' } };
    const record = await run({ ...input, clusters: other });
    expect(record).toMatchObject({ state: 'failed', weights: { a: 100, b: 0 } });
  });

  test('whose source dies on the way does not go back to it', async () => {
    const service = await scene.service(['a', 'b', 'c']);
    const handle = await start(withGate(service, endlessGate));
    await reaches(handle, 'ramp 25 %');
    await handle.signal(memberVerdictSignal, {
      cluster: 'a',
      diagnosis: { verdict: 'dead', sinceMs: 1, evidence: [] },
    });
    await handle.executeUpdate(abortUpdate, { args: [me] });
    const record = await handle.result();
    expect(record).toMatchObject({ state: 'aborted', endedBy: 'me', weights: { b: 25 } });
  });
});

describe('a failover', () => {
  test('from a dead source shifts everything and waits for nobody', async () => {
    const service = await scene.service(['a', 'b']);
    service.apps['a']?.close();
    const record = await run({
      ...service.moveInput({ kind: 'failover', verdicts: { a: 'dead' } }),
      targetProvenAtMs: Date.now(),
    });
    expect(record).toMatchObject({ state: 'done', weights: { a: 0, b: 100 } });
  });

  test('goes to the next target when the first does not answer', async () => {
    const service = await scene.service(['a', 'b', 'c']);
    service.apps['a']?.close();
    service.apps['b']?.close();
    const record = await run(service.moveInput({ kind: 'failover', verdicts: { a: 'dead' } }));
    expect(record).toMatchObject({ state: 'done', to: 'c', weights: { a: 0, b: 0, c: 100 } });
  });

  test('goes on to the next target when the first fails its verification', async () => {
    const service = await scene.service(['a', 'b', 'c']);
    service.apps['a']?.close();
    service.apps['b']?.setFaults([{ kind: 'errors', params: { share: 1, as: 'status', status: 500 } }]);
    const record = await run({
      ...service.moveInput({ kind: 'failover', verdicts: { a: 'dead' } }),
      targetProvenAtMs: Date.now(),
    });
    expect(record).toMatchObject({ state: 'done', to: 'c', weights: { a: 0, b: 0, c: 100 } });
  });

  test('holds at the least bad when nobody is well, and never at the dead one', async () => {
    const service = await scene.service(['a', 'b']);
    service.apps['a']?.close();
    service.apps['b']?.setFaults([{ kind: 'errors', params: { share: 1, as: 'status', status: 500 } }]);
    const record = await run({
      ...service.moveInput({ kind: 'failover', verdicts: { a: 'dead' } }),
      targetProvenAtMs: Date.now(),
    });
    expect(record).toMatchObject({ state: 'held', weights: { a: 0, b: 100 } });
  });
});

describe('a person', () => {
  test('aborts in the middle of a step and the traffic ramps back', async () => {
    const service = await scene.service(['a', 'b']);
    const handle = await start(withGate(service, endlessGate));
    await reaches(handle, 'ramp 25 %');
    expect(await handle.executeUpdate(abortUpdate, { args: [me] })).toMatchObject({ accepted: true });
    expect(await handle.result()).toMatchObject({ state: 'aborted', endedBy: 'me', weights: { a: 100, b: 0 } });
  });

  test('skips a step, and pauses and resumes another', async () => {
    const service = await scene.service(['a', 'b']);
    const handle = await start(withGate(service, endlessGate));
    await reaches(handle, 'ramp 25 %');
    await handle.executeUpdate(pauseUpdate, { args: [me] });
    await eventually(async () => (await handle.query(moveViewQuery)).state === 'paused');
    await handle.executeUpdate(resumeUpdate, { args: [me] });
    await eventually(async () => (await handle.query(moveViewQuery)).state === 'running');
    await handle.executeUpdate(skipStepUpdate, { args: [me] });
    await reaches(handle, 'ramp 100 %');
    await handle.executeUpdate(skipStepUpdate, { args: [me] });
    expect(await handle.result()).toMatchObject({ state: 'done', weights: { a: 0, b: 100 } });
  });

  test('is asked where the plan requires it, and a yes lets it go', async () => {
    const service = await scene.service(['a', 'b']);
    const handle = await start(service.moveInput({ to: 'b' }, { approval: 'required' }));
    await asks(handle);
    expect(await service.weights()).toEqual({ a: 100, b: 0 });
    await handle.executeUpdate(approveUpdate, { args: [me] });
    const record = await handle.result();
    expect(record.state).toBe('done');
    expect(record.steps.find((s) => s.name === 'approval')).toMatchObject({ verdict: 'approved', why: 'me a test' });
  });

  test('says no, and nothing is touched', async () => {
    const service = await scene.service(['a', 'b']);
    const handle = await start(service.moveInput({ to: 'b' }, { approval: 'required' }));
    await asks(handle);
    await handle.executeUpdate(declineUpdate, { args: [me] });
    expect(await handle.result()).toMatchObject({ state: 'aborted', weights: { a: 100, b: 0 } });
  });

  test('who says nothing has said no', async () => {
    const service = await scene.service(['a', 'b']);
    const record = await run(service.moveInput({ to: 'b' }, { approval: 'required', approvalTimeoutMs: 200 }));
    expect(record).toMatchObject({ state: 'aborted', why: 'nothing was touched: nobody said yes in time' });
  });

  test('who answers a question that nobody asked is told so', async () => {
    const service = await scene.service(['a', 'b']);
    const handle = await start(withGate(service, endlessGate));
    await reaches(handle, 'ramp 25 %');
    expect(await handle.executeUpdate(approveUpdate, { args: [me] })).toMatchObject({
      accepted: false,
      code: 'nothing-to-answer',
    });
    await handle.signal('abort', { by: 'me' });
    expect((await handle.result()).state).toBe('aborted');
  });

  test('who sends a signal of the wrong shape breaks nothing', async () => {
    const service = await scene.service(['a', 'b']);
    const handle = await start(withGate(service, endlessGate));
    await reaches(handle, 'ramp 25 %');
    await handle.signal('abort', 17);
    await handle.signal('abort', { by: { first: 'me' } });
    await handle.signal('pause', ['me']);
    expect((await handle.query(moveViewQuery)).state).toBe('running');
    await handle.signal('abort');
    expect(await handle.result()).toMatchObject({ state: 'aborted', endedBy: 'somebody' });
  });

  test('who cancels the workflow in the UI gets the traffic ramped back', async () => {
    const service = await scene.service(['a', 'b']);
    const handle = await start(withGate(service, endlessGate));
    await reaches(handle, 'ramp 25 %');
    await handle.cancel();
    expect(await handle.result()).toMatchObject({ state: 'aborted', weights: { a: 100, b: 0 } });
  });
});

test('a question gives way when it is superseded', async () => {
  const service = await scene.service(['a', 'b']);
  const handle = await start(service.moveInput({ to: 'b' }, { approval: 'required' }));
  await asks(handle);
  await handle.signal(supersedeSignal, { why: 'the failing cluster recovered' });
  expect(await handle.result()).toMatchObject({
    state: 'aborted',
    endedBy: null,
    why: 'nothing was touched: the failing cluster recovered',
  });
});

test('a move that finds itself fenced by a newer one stops and undoes nothing', async () => {
  const service = await scene.service(['a', 'b']);
  const handle = await start(withGate(service, endlessGate));
  await reaches(handle, 'ramp 25 %');
  await scene.layer.write(service.spec.name, { a: 60, b: 40 }, { epoch: 9 });
  await handle.executeUpdate(skipStepUpdate, { args: [me] });
  expect(await handle.result()).toMatchObject({ state: 'failed' });
  expect(await service.weights()).toEqual({ a: 60, b: 40 });
});

test('planned steps that nobody can decide are a question, and silence goes back', async () => {
  const service = await scene.service(['a', 'b']);
  const gate = { ...endlessGate, deadlineMs: 1, undecided: 'ask' as const };
  const input = service.moveInput({ to: 'b' }, { approvalTimeoutMs: 300 });
  const record = await run({ ...input, plan: { ...input.plan, steps: input.plan.steps.map((s) => ({ ...s, gate })) } });
  expect(record).toMatchObject({ state: 'rolled-back', weights: { a: 100, b: 0 } });
});
