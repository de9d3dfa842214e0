/** A guard whose control worker is away when a timer of it fires, while somebody's question waits for the worker. */
import type { WorkflowHandle } from '@temporalio/client';
import type { Verdict } from '../../src/domain/words.js';
import { CONTROL_TASK_QUEUE, serviceGuardId } from '../../src/workflows/ids.js';
import { clusterVerdictSignal, freezeUpdate, guardViewQuery } from '../../src/workflows/messages.js';
import type { serviceGuard } from '../../src/workflows/service-guard.js';
import { eventually } from './eventually.js';
import type { Scene } from './move-scene.js';

export type Guard = WorkflowHandle<typeof serviceGuard>;

/** Long enough to lose the worker and to ask before it ends. */
const FROZEN_MS = 3_000;
/** Without an event for so long nothing is under way. */
const QUIET_MS = 300;

/** A guard of two clusters that are well. */
export async function guardOfTwo(scene: Scene): Promise<Guard> {
  const { spec, clusters } = await scene.service(['a', 'b']);
  const guard = await scene.client.workflow.start<typeof serviceGuard>('serviceGuard', {
    taskQueue: CONTROL_TASK_QUEUE,
    workflowId: serviceGuardId(spec.name),
    args: [{ spec, clusters }],
  });
  for (const cluster of ['a', 'b']) await say(guard, cluster, 'healthy');
  return guard;
}

export async function say(guard: Guard, cluster: string, verdict: Verdict): Promise<void> {
  const diagnosis = { verdict, sinceMs: Date.now(), evidence: [] };
  await guard.signal(clusterVerdictSignal, { cluster, diagnosis, lastGenerationOkAtMs: Date.now() });
}

/** For a moment: long enough to lose the worker in it. */
export async function freeze(guard: Guard): Promise<void> {
  const order = { by: 'me', reason: 'a restart', via: 'cli', forMs: FROZEN_MS } as const;
  await guard.executeUpdate(freezeUpdate, { args: [order] });
}

/** A scene whose guards still run: they are ended first, or the next worker would meet them. */
export async function closeWithGuards(scene: Scene): Promise<void> {
  for await (const { workflowId } of scene.client.workflow.list({ query: "ExecutionStatus = 'Running'" }))
    await scene.client.workflow
      .getHandle(workflowId)
      .terminate()
      .catch(() => undefined);
  await scene.close();
}

/** What anybody may ask meanwhile; whether it is answered does not matter. */
export const viewIfAnswered = (guard: Guard) => async () => await guard.query(guardViewQuery).catch(() => null);

/** Loses the worker, asks, and waits until the timer that ran has fired. The worker is for the caller to bring back. */
export async function askBeforeTheTimer<T>(
  scene: Scene,
  guard: Guard,
  ask: () => Promise<T>,
): Promise<{ readonly answer: Promise<T> }> {
  // A task that the worker takes along into its death is given out again only after 10 s.
  await eventually(async () => {
    if ((await timersOf(guard)).running > 0) return await isQuiet(guard);
    await freeze(guard); // on a busy machine the one before has ended meanwhile
    return false;
  });
  const { fired } = await timersOf(guard);
  await scene.worker.die();
  const answer = ask();
  await eventually(async () => (await timersOf(guard)).fired > fired);
  return { answer };
}

export async function isQuiet(guard: Guard): Promise<boolean> {
  const look = async () => (await guard.describe()).raw;
  const before = await look();
  await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  const after = await look();
  const lengthOf = (raw: typeof after): string => String(raw.workflowExecutionInfo?.historyLength);
  return (after.pendingWorkflowTask ?? null) === null && lengthOf(before) === lengthOf(after);
}

async function timersOf(guard: Guard): Promise<{ readonly fired: number; readonly running: number }> {
  const { events } = await guard.fetchHistory();
  const count = (name: 'timerStarted' | 'timerFired' | 'timerCanceled'): number =>
    (events ?? []).filter((event) => event[`${name}EventAttributes`]).length;
  const fired = count('timerFired');
  return { fired, running: count('timerStarted') - fired - count('timerCanceled') };
}
