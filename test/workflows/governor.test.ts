/** The fleet on a real server: guards report, the governor tells, and nobody waits for it. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { WorkflowHandle } from '@temporalio/client';
import { PANIC_CLUSTERS_MIN } from '../../src/domain/governor/governor.js';
import type { Verdict } from '../../src/domain/words.js';
import { CONTROL_TASK_QUEUE, GOVERNOR_ID, serviceGuardId } from '../../src/workflows/ids.js';
import {
  clusterVerdictSignal,
  explainQuery,
  fleetQuery,
  guardViewQuery,
  historyQuery,
  maintenanceUpdate,
  retireSignal,
} from '../../src/workflows/messages.js';
import type { serviceGuard } from '../../src/workflows/service-guard.js';
import { eventually } from '../kit/eventually.js';
import { openScene, type Scene } from '../kit/move-scene.js';

let scene: Scene;
const guards: WorkflowHandle<typeof serviceGuard>[] = [];

beforeAll(async () => {
  scene = await openScene({ address: inject('temporalAddress'), workflowBundle: inject('workflowBundlePath') });
  // Another file's fleet must not be ours.
  await governor()
    .terminate()
    .catch(() => undefined);
});
afterAll(async () => {
  for (const guard of guards) await guard.terminate().catch(() => undefined);
  await governor()
    .terminate()
    .catch(() => undefined);
  await scene.close();
});

const governor = () => scene.client.workflow.getHandle(GOVERNOR_ID);
const fleet = async () => await governor().query(fleetQuery);

async function guarded(names: readonly string[]) {
  const { spec, clusters, weights } = await scene.service(names);
  const guard = await scene.client.workflow.start<typeof serviceGuard>('serviceGuard', {
    taskQueue: CONTROL_TASK_QUEUE,
    workflowId: serviceGuardId(spec.name),
    args: [{ spec, clusters }],
  });
  guards.push(guard);
  const say = async (cluster: string, verdict: Verdict): Promise<void> => {
    const diagnosis = { verdict, sinceMs: Date.now(), evidence: [] };
    await guard.signal(clusterVerdictSignal, { cluster, diagnosis, lastGenerationOkAtMs: Date.now() });
  };
  for (const name of names) await say(name, 'healthy');
  return { name: spec.name, guard, say, weights };
}

test('the first guard brings the governor to life, and every guard reports to it', async () => {
  const one = await guarded(['a', 'b']);
  const two = await guarded(['c', 'd']);
  await eventually(async () => {
    const reports = Object.keys((await fleet().catch(() => null))?.reports ?? {});
    return [one, two].every(({ name }) => reports.includes(name));
  });
});

test('more than half of the fleet goes bad at once, seen by probes only: the guards that come later hold, and say why', async () => {
  const victims = await guarded(['p1', 'p2', 'p3', 'p4']);
  const later = await guarded(['q1', 'q2']);
  // Bystanders: nothing of them moves, but the fleet sees them fall.
  for (const name of ['p2', 'p3', 'p4']) await victims.say(name, 'dead');
  for (const name of ['a', 'b', 'c', 'd']) await guards[name < 'c' ? 0 : 1]?.signal(clusterVerdictSignal, dead(name));
  await eventually(async () => (await fleet()).view.panic !== null);
  expect(PANIC_CLUSTERS_MIN).toBeLessThanOrEqual(8);
  await eventually(async () => (await later.guard.query(explainQuery)).automation.some((s) => s.startsWith('held: ')));
  await later.say('q1', 'dead');
  await eventually(async () => (await later.guard.query(guardViewQuery)).whyNot.length > 0);
  expect((await later.guard.query(guardViewQuery)).whyNot[0]?.why).toContain(
    'clusters of the fleet went bad within 30 s',
  );
  expect(await later.weights()).toEqual({ q1: 100, q2: 0 });
  for (const name of ['p2', 'p3', 'p4']) await victims.say(name, 'healthy');
  for (const name of ['a', 'b', 'c', 'd'])
    await guards[name < 'c' ? 0 : 1]?.signal(clusterVerdictSignal, { ...dead(name), diagnosis: well() });
  await eventually(async () => (await later.guard.query(historyQuery)).length === 1);
  expect(await later.weights()).toEqual({ q1: 0, q2: 100 });
});

const dead = (cluster: string) => ({
  cluster,
  diagnosis: { verdict: 'dead' as Verdict, sinceMs: Date.now(), evidence: [] },
  lastGenerationOkAtMs: null,
});
const well = () => ({ verdict: 'healthy' as const, sinceMs: Date.now(), evidence: [] });

test('a guard that finds no governor any more begins another one', async () => {
  await governor().terminate();
  const { name, say } = await guarded(['x', 'y']);
  await say('y', 'degraded');
  await eventually(
    async () => ((await fleet().catch(() => null))?.reports[name]?.clusters[1]?.illSinceMs ?? null) !== null,
  );
});

test('what is sent by hand and makes no sense fails no workflow task', async () => {
  const { guard } = await guarded(['m', 'n']);
  await guard.signal('fleet-view', { brake: 'now' });
  await governor().signal('report', { service: 7 });
  await governor().signal('leave');
  await eventually(async () => (await guard.query(explainQuery)).automation.length > 0);
  for (const handle of [guard, governor()]) {
    const { events } = await handle.fetchHistory();
    expect(events?.some((e) => (e.workflowTaskFailedEventAttributes ?? null) !== null)).toBe(false);
  }
});

test('a cluster in maintenance is no target until its time is over, and explain says so', async () => {
  const { guard, say } = await guarded(['a', 'b']);
  const lease = { by: 'me', reason: 'new GPUs', via: 'cli', cluster: 'b', forMs: 3_000 } as const;
  expect(await guard.executeUpdate(maintenanceUpdate, { args: [lease] })).toMatchObject({ accepted: true });
  const { clusters } = await guard.query(explainQuery);
  expect(clusters[0]?.ifDead).toMatch(
    /^nothing would move: no healthy cluster to take over: b is in maintenance by me until /,
  );
  await say('a', 'dead');
  await eventually(async () => (await guard.query(historyQuery))[0]?.state === 'done');
  expect(Date.parse((await guard.query(historyQuery))[0]?.startedAt ?? '')).toBeGreaterThan(0);
});

test('a guard that retires leaves the fleet', async () => {
  const { name, guard } = await guarded(['r', 's']);
  await eventually(async () => (await fleet()).reports[name] !== undefined);
  await guard.signal(retireSignal);
  await guard.result();
  await eventually(async () => (await fleet()).reports[name] === undefined);
});
