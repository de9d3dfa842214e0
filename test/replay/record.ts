/**
 * Records what the replay test replays: every workflow type, in the situations that matter, on a real server with real
 * gateways, clusters and probes. Run it (`npm run record:histories`) when a new kind of situation deserves a history,
 * or when a change of a runbook is meant and no run of the old version is left; look at the difference it makes first.
 */
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { WorkflowHandle } from '@temporalio/client';
import type { MoveEndState, MoveRecord } from '../../src/domain/move-record.js';
import type { MoveInput } from '../../src/domain/plan/types.js';
import type { Verdict } from '../../src/domain/words.js';
import { startProbeWorker } from '../../src/workers/probe.js';
import { CONTROL_TASK_QUEUE, clusterHealthId, GOVERNOR_ID, serviceGuardId, storyId } from '../../src/workflows/ids.js';
import {
  abortUpdate,
  approveUpdate,
  clusterHealthQuery,
  clusterVerdictSignal,
  freezeUpdate,
  guardViewQuery,
  historyQuery,
  moveViewQuery,
  pauseUpdate,
  resumeUpdate,
  retireSignal,
  switchoverUpdate,
  tellVerdictSignal,
  unfreezeUpdate,
} from '../../src/workflows/messages.js';
import type { move } from '../../src/workflows/move.js';
import type { serviceGuard } from '../../src/workflows/service-guard.js';
import { configureWhileItReports } from '../kit/configure-while-it-reports.js';
import { eventually } from '../kit/eventually.js';
import { openScene, type Scene, type TestService } from '../kit/move-scene.js';
import { askBeforeTheTimer, freeze, guardOfTwo, isQuiet, viewIfAnswered } from '../kit/restart-at-timer.js';
import { removeHistories, writeHistory } from './recorded.js';

const me = { by: 'me', reason: 'recorded', via: 'cli' } as const;
const FAILS_ALL = { kind: 'errors', params: { share: 1, as: 'status', status: 500 } } as const;
/** Steps that nobody decides: they end with a person, or with errors. */
const endlessGate = { bakeMs: 600_000, deadlineMs: 600_000, undecided: 'ask', slowFirstTokenMs: null } as const;

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ address: inject('temporalAddress'), workflowBundle: inject('workflowBundlePath') });
  removeHistories();
});
afterAll(async () => await scene.close());

async function startMove(input: MoveInput): Promise<WorkflowHandle<typeof move>> {
  return await scene.client.workflow.start<typeof move>('move', {
    taskQueue: CONTROL_TASK_QUEUE,
    workflowId: `move/${input.plan.service}/1`,
    args: [input],
  });
}

function withEndlessGate(input: MoveInput): MoveInput {
  return { ...input, plan: { ...input.plan, steps: input.plan.steps.map((s) => ({ ...s, gate: endlessGate })) } };
}

const reaches = async (handle: WorkflowHandle<typeof move>, change: { step?: string; state?: string }): Promise<void> =>
  await eventually(async () => {
    const { step, state } = await handle.query(moveViewQuery);
    return step === (change.step ?? step) && state === (change.state ?? state);
  });

async function keepMove(name: string, handle: WorkflowHandle<typeof move>, state: MoveEndState): Promise<MoveRecord> {
  const record = await handle.result();
  expect(record.state).toBe(state);
  writeHistory(name, await handle.fetchHistory());
  return record;
}

test('a switchover that is done, and its story', async () => {
  const service = await scene.service(['a', 'b']);
  const handle = await startMove(service.moveInput({ to: 'b' }));
  await keepMove('move-switchover-done', handle, 'done');
  const story = scene.client.workflow.getHandle(storyId(handle.workflowId));
  await story.result();
  writeHistory('story-of-a-switchover', await story.fetchHistory());
});

test('a failover whose first target fails its verification', async () => {
  const service = await scene.service(['a', 'b', 'c']);
  service.apps['a']?.close();
  service.apps['b']?.setFaults([FAILS_ALL]);
  const input = service.moveInput({ kind: 'failover', verdicts: { a: 'dead' } });
  const record = await keepMove(
    'move-failover-redirected',
    await startMove({ ...input, targetProvenAtMs: Date.now() }),
    'done',
  );
  expect(record.to).toBe('c');
});

test('a canary step that shows errors', async () => {
  const service = await scene.service(['a', 'b']);
  const handle = await startMove(withEndlessGate(service.moveInput({ to: 'b' })));
  await reaches(handle, { step: 'ramp 25 %' });
  service.apps['b']?.setFaults([FAILS_ALL]);
  await keepMove('move-canary-rolled-back', handle, 'rolled-back');
});

test('a move that a person pauses, lets go on and aborts', async () => {
  const service = await scene.service(['a', 'b']);
  const handle = await startMove(withEndlessGate(service.moveInput({ to: 'b' })));
  await reaches(handle, { step: 'ramp 25 %' });
  await handle.executeUpdate(pauseUpdate, { args: [me] });
  await reaches(handle, { state: 'paused' });
  await handle.executeUpdate(resumeUpdate, { args: [me] });
  await reaches(handle, { state: 'running' });
  await handle.signal('abort', 17);
  await handle.executeUpdate(abortUpdate, { args: [me] });
  await keepMove('move-paused-then-aborted', handle, 'aborted');
});

test('a move that asks first', async () => {
  const service = await scene.service(['a', 'b']);
  const handle = await startMove(service.moveInput({ to: 'b' }, { approval: 'required' }));
  await reaches(handle, { state: 'asking' });
  await handle.executeUpdate(approveUpdate, { args: [me] });
  await keepMove('move-approved', handle, 'done');
});

test('a failover that holds at the least bad', async () => {
  const service = await scene.service(['a', 'b']);
  service.apps['a']?.close();
  service.apps['b']?.setFaults([FAILS_ALL]);
  const input = service.moveInput({ kind: 'failover', verdicts: { a: 'dead' } });
  await keepMove('move-failover-held', await startMove({ ...input, targetProvenAtMs: Date.now() }), 'held');
});

test('a guard and its governor: orders, a freeze, a failover, home again, nonsense, continue-as-new, retired', async () => {
  const service = await scene.service(['a', 'b'], { failback: { policy: 'auto', soakMs: 500 } });
  const guard = await startGuard(service);
  const { runId } = await guard.describe();
  await guard.executeUpdate(switchoverUpdate, { args: [{ ...me, to: 'b' }] });
  await ended(guard, 1);
  await guard.signal('failback', { by: 'me', reason: 'by signal' });
  await ended(guard, 2);
  await guard.signal('switchover', 'us-b please');
  await guard.executeUpdate(freezeUpdate, { args: [{ ...me, forMs: 60_000 }] });
  await say(guard, 'a', 'dead');
  await guard.executeUpdate(unfreezeUpdate, { args: [me] });
  await ended(guard, 3);
  await say(guard, 'a', 'healthy');
  await ended(guard, 4);
  // The server is told to suggest it after 200 events.
  await eventually(async () => {
    await say(guard, 'a', 'healthy');
    return (await guard.describe()).runId !== runId;
  }, 60_000);
  const { workflow } = scene.client;
  writeHistory('serviceGuard-first-run', await workflow.getHandle(guard.workflowId, runId).fetchHistory());
  await guard.executeUpdate(switchoverUpdate, { args: [{ ...me, to: 'b' }] });
  await ended(guard, 5);
  await guard.signal(retireSignal);
  await guard.result();
  writeHistory('serviceGuard-later-run', await guard.fetchHistory());
  writeHistory('governor-of-one-guard', await workflow.getHandle(GOVERNOR_ID).fetchHistory());
});

test('a guard whose worker was away when a timer fired, and was asked before its task', async () => {
  const guard = await guardOfTwo(scene);
  await freeze(guard);
  const { answer } = await askBeforeTheTimer(scene, guard, viewIfAnswered(guard));
  scene.worker.comeBack();
  await answer;
  await eventually(async () => await isQuiet(guard));
  writeHistory('serviceGuard-restarted-at-a-timer', await guard.fetchHistory());
  await guard.terminate();
});

test('the health of a cluster: healthy, dead, healthy again, retired', async () => {
  const service = await scene.service(['a']);
  const [cluster] = service.clusters;
  const vantage = `v-${service.spec.name}`;
  const probes = await startProbeWorker({
    address: inject('temporalAddress'),
    namespace: scene.namespace,
    vantage,
    gatewayAdminUrls: [scene.gateway.adminUrl],
    adminToken: null,
    maxClusters: 2,
  });
  const probing = probes.run();
  const health = { intervalMs: 100, fall: 3, rise: 2, gray: { failures: 5, of: 10 } };
  const name = `a-${service.spec.name}`;
  const handle = await scene.client.workflow.start('clusterHealth', {
    taskQueue: CONTROL_TASK_QUEUE,
    workflowId: clusterHealthId(name),
    args: [{ spec: { ...cluster, name, health }, vantages: [vantage], services: [service.spec.name] }],
  });
  const becomes = async (verdict: Verdict): Promise<void> =>
    await eventually(async () => (await handle.query(clusterHealthQuery)).diagnosis.verdict === verdict, 60_000);
  await becomes('healthy');
  service.apps['a']?.setFaults([FAILS_ALL]);
  await eventually(async () => (await handle.query(clusterHealthQuery)).diagnosis.verdict !== 'healthy', 60_000);
  service.apps['a']?.setFaults([]);
  await becomes('healthy');
  await handle.signal(tellVerdictSignal, { service: service.spec.name });
  await handle.signal('configure', { spec: 'nonsense' });
  await handle.signal(retireSignal);
  await handle.result();
  writeHistory('clusterHealth-broken-and-well-again', await handle.fetchHistory());
  probes.shutdown();
  await probing;
});

test('a cluster that is configured while its guards are told', async () => {
  const handle = await configureWhileItReports(scene);
  writeHistory('clusterHealth-configured-while-it-reports', await handle.fetchHistory());
  await handle.terminate();
});

async function startGuard({ spec, clusters }: TestService): Promise<WorkflowHandle<typeof serviceGuard>> {
  const guard = await scene.client.workflow.start<typeof serviceGuard>('serviceGuard', {
    taskQueue: CONTROL_TASK_QUEUE,
    workflowId: serviceGuardId(spec.name),
    args: [{ spec, clusters }],
  });
  for (const { name } of clusters) await say(guard, name, 'healthy');
  // Without the run: what is asked later may be answered by the next one.
  return scene.client.workflow.getHandle<typeof serviceGuard>(guard.workflowId);
}

async function say(guard: WorkflowHandle<typeof serviceGuard>, cluster: string, verdict: Verdict): Promise<void> {
  const diagnosis = { verdict, sinceMs: Date.now(), evidence: [] };
  await guard.signal(clusterVerdictSignal, { cluster, diagnosis, lastGenerationOkAtMs: Date.now() });
}

async function ended(guard: WorkflowHandle<typeof serviceGuard>, count: number): Promise<void> {
  await eventually(async () => {
    const { move: running } = await guard.query(guardViewQuery);
    return running === null && (await guard.query(historyQuery)).length >= count;
  }, 60_000);
}
