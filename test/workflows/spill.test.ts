/** A spill on a real Temporal and a real gateway: decided by the guard, proved, held as a lease, told twice, given up. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { WorkflowHandle } from '@temporalio/client';
import type { SpillLease } from '../../src/domain/traffic.js';
import type { Verdict } from '../../src/domain/words.js';
import { CONTROL_TASK_QUEUE, serviceGuardId } from '../../src/workflows/ids.js';
import { clusterVerdictSignal, guardViewQuery, historyQuery, maintenanceUpdate } from '../../src/workflows/messages.js';
import type { serviceGuard } from '../../src/workflows/service-guard.js';
import { eventually } from '../kit/eventually.js';
import { openScene, type Scene, type TestService } from '../kit/move-scene.js';

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ address: inject('temporalAddress'), workflowBundle: inject('workflowBundlePath') });
});
const guards: WorkflowHandle<typeof serviceGuard>[] = [];
afterAll(async () => {
  for (const guard of guards) await guard.terminate().catch(() => undefined);
  await scene.close();
});

interface Guarded {
  readonly service: TestService;
  readonly guard: WorkflowHandle<typeof serviceGuard>;
  say(cluster: string, verdict: Verdict): Promise<void>;
  spill(): Promise<SpillLease | null | undefined>;
  told(word: string): string[];
}

async function guarded(names: readonly string[]): Promise<Guarded> {
  const service = await scene.service(names);
  const { name } = service.spec;
  const guard = await scene.client.workflow.start<typeof serviceGuard>('serviceGuard', {
    taskQueue: CONTROL_TASK_QUEUE,
    workflowId: serviceGuardId(name),
    args: [{ spec: service.spec, clusters: service.clusters }],
  });
  guards.push(guard);
  const say = async (cluster: string, verdict: Verdict): Promise<void> => {
    const diagnosis = { verdict, sinceMs: Date.now(), evidence: [] };
    await guard.signal(clusterVerdictSignal, { cluster, diagnosis, lastGenerationOkAtMs: Date.now() });
  };
  for (const cluster of names) await say(cluster, 'healthy');
  return {
    service,
    guard,
    say,
    spill: async () => (await scene.layer.read(name)).spill,
    told: (word) => scene.told.filter((line) => line.includes(name) && line.includes(word)),
  };
}

test('an overloaded cluster spills to the one that proves itself; the weights stay, and a failover takes over', async () => {
  const { service, guard, say, spill, told } = await guarded(['a', 'b', 'c']);
  service.apps['b']?.setFaults([{ kind: 'errors', params: { share: 1, as: 'status', status: 500 } }]);
  await say('a', 'overloaded');
  await eventually(async () => (await spill())?.sharePct === 10, 30_000);
  expect(await spill()).toMatchObject({ from: 'a', to: 'c' });
  expect(await scene.layer.read(service.spec.name)).toMatchObject({ epoch: 0, intended: { a: 100, b: 0, c: 0 } });
  await eventually(async () => (await guard.query(guardViewQuery)).spill?.sharePct === 10);
  expect(await guard.query(guardViewQuery)).toMatchObject({ epoch: 0, move: null, spill: { from: 'a', to: 'c' } });
  await eventually(() => told('spills 10 % of a to c').length === 1);
  service.apps['b']?.setFaults([]);
  await say('a', 'dead');
  await eventually(async () => (await guard.query(historyQuery)).length === 1, 60_000);
  expect((await guard.query(historyQuery))[0]).toMatchObject({ kind: 'failover', state: 'done', to: 'b' });
  expect(await spill()).toBeNull();
  expect(await service.weights()).toEqual({ a: 0, b: 100, c: 0 });
  await eventually(() => told('spills nothing to c any more').length === 1);
});

test('it ends at once when somebody works on its target', async () => {
  const { guard, say, spill } = await guarded(['a', 'b']);
  await say('a', 'overloaded');
  await eventually(async () => (await spill())?.sharePct === 10, 30_000);
  const attribution = { by: 'me', reason: 'new GPUs', via: 'cli' } as const;
  await guard.executeUpdate(maintenanceUpdate, { args: [{ ...attribution, cluster: 'b', forMs: 60_000 }] });
  await eventually(async () => (await spill()) === null);
  expect((await guard.query(guardViewQuery)).spill).toBeUndefined();
  const [why] = (await guard.query(guardViewQuery)).whyNot;
  expect(why).toMatchObject({ trigger: 'a is overloaded', why: expect.stringContaining('b is in maintenance by me') });
});
