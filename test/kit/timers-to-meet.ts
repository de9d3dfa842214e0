/** Every kind of timer that our workflows wait for and that a test can wait for too: each order makes one run out at about a time. */
import type { WorkflowHandle } from '@temporalio/client';
import { STORM_MOVES_MIN, STORM_MOVES_PER_SERVICE } from '../../src/domain/governor/governor.js';
import { STORM_WINDOW_MS } from '../../src/domain/guard/close-move.js';
import type { Verdict } from '../../src/domain/words.js';
import { CONTROL_TASK_QUEUE, GOVERNOR_ID, serviceGuardId } from '../../src/workflows/ids.js';
import {
  clusterVerdictSignal,
  freezeUpdate,
  guardViewQuery,
  maintenanceUpdate,
  reportSignal,
  switchoverUpdate,
} from '../../src/workflows/messages.js';
import type { serviceGuard } from '../../src/workflows/service-guard.js';
import type { story } from '../../src/workflows/story.js';
import { QUICK_MOVES, type Scene, type TestService } from './move-scene.js';
import { sampleView } from './story-samples.js';

const me = { by: 'me', reason: 'a restart', via: 'cli' } as const;
/** As in story.ts: a story that nobody ends is closed after this. */
const SILENCE_MAX_MS = 7 * 24 * 60 * 60_000;
const COOLDOWN_MS = 2_000;
const SOAK_MS = 2_000;
/** A planned move of the scene takes about this long. */
const MOVE_MS = 1_000;

export interface Watched {
  readonly service: TestService;
  readonly guard: WorkflowHandle<typeof serviceGuard>;
}

/** A guard whose cooldown and soak are short; some ask before they move. */
export async function watched(scene: Scene, asks: boolean): Promise<Watched> {
  const service = await scene.service(['a', 'b', 'c'], {
    move: { ...QUICK_MOVES, cooldownMs: COOLDOWN_MS, approvalTimeoutMs: COOLDOWN_MS },
    failback: { policy: 'auto', soakMs: SOAK_MS },
    ...(asks ? { mode: 'approve' as const } : {}),
  });
  const { spec, clusters } = service;
  const guard = await scene.client.workflow.start<typeof serviceGuard>('serviceGuard', {
    taskQueue: CONTROL_TASK_QUEUE,
    workflowId: serviceGuardId(spec.name),
    args: [{ spec, clusters }],
  });
  // Without the run: it may continue as new.
  const one = { service, guard: scene.client.workflow.getHandle<typeof serviceGuard>(guard.workflowId) };
  for (const cluster of ['a', 'b', 'c']) await say(one, cluster, 'healthy');
  return one;
}

export async function say({ guard }: Watched, cluster: string, verdict: Verdict): Promise<void> {
  const diagnosis = { verdict, sinceMs: Date.now(), evidence: [] };
  await guard.signal(clusterVerdictSignal, { cluster, diagnosis, lastGenerationOkAtMs: Date.now() });
}

/** The clusters of the guard, the one that serves first. */
async function inTurn({ guard }: Watched): Promise<readonly string[]> {
  const { clusters } = await guard.query(guardViewQuery);
  return clusters.toSorted((a, b) => b.intended - a.intended).map(({ name }) => name);
}

type Order = (scene: Scene, one: Watched, endsAtMs: number) => Promise<unknown>;

const until = (endsAtMs: number): number => Math.max(100, endsAtMs - Date.now());

export const TIMERS: Readonly<Record<string, Order>> = {
  'the end of a freeze': async (_scene, { guard }, endsAtMs) =>
    await guard.executeUpdate(freezeUpdate, { args: [{ ...me, forMs: until(endsAtMs) }] }),
  'the end of a maintenance': async (_scene, { guard }, endsAtMs) =>
    await guard.executeUpdate(maintenanceUpdate, { args: [{ ...me, cluster: 'c', forMs: until(endsAtMs) }] }),
  'the end of a cooldown, or of a question': async (_scene, one, endsAtMs) => {
    const [, next = 'b'] = await inTurn(one);
    await sleepUntil(endsAtMs - COOLDOWN_MS - MOVE_MS);
    await one.guard.executeUpdate(switchoverUpdate, { args: [{ ...me, to: next }] });
  },
  'the end of a soak': async (_scene, one, endsAtMs) => {
    const [serving = 'a'] = await inTurn(one);
    await say(one, serving, 'dead');
    await sleepUntil(endsAtMs - SOAK_MS);
    await say(one, serving, 'healthy');
  },
  'the next look at a spill': async (_scene, one, endsAtMs) => {
    const [serving = 'a'] = await inTurn(one);
    await say(one, serving, 'overloaded');
    await sleepUntil(endsAtMs - MOVE_MS);
    await say(one, serving, 'healthy');
  },
  'the end of the storm brake': async (scene, { service }, endsAtMs) => {
    const atMs = endsAtMs - STORM_WINDOW_MS;
    const moves = STORM_MOVES_MIN + STORM_MOVES_PER_SERVICE * 20;
    const report = { service: service.spec.name, clusters: [], automaticAtMs: Array<number>(moves).fill(atMs) };
    await scene.client.workflow.getHandle(GOVERNOR_ID).signal(reportSignal, report);
  },
  'the pace and the silence of a story': async (scene, { service }, endsAtMs) => {
    const id = `story/${service.spec.name}-${endsAtMs}`;
    await scene.client.workflow.start<typeof story>('story', {
      taskQueue: CONTROL_TASK_QUEUE,
      workflowId: id,
      args: [sampleView({ id }), { version: 1, lastWordAtMs: endsAtMs - SILENCE_MAX_MS, listeners: [] }],
    });
  },
};

export async function sleepUntil(atMs: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, atMs - Date.now())));
}
