/**
 * A cluster whose watches end in the very task in which its guards are told: the ends come at once, the guards' answer
 * later, and a replay hands both over together (docs/temporal.md, "Time and replay").
 */
import type { WorkflowHandle } from '@temporalio/client';
import type { clusterHealth } from '../../src/workflows/cluster-health.js';
import { clusterHealthId, CONTROL_TASK_QUEUE } from '../../src/workflows/ids.js';
import {
  clusterHealthQuery,
  clusterOrderQuery,
  configureClusterSignal,
  tellVerdictSignal,
} from '../../src/workflows/messages.js';
import { eventually } from './eventually.js';
import { clusterSpec } from './fleet.js';
import type { Scene } from './move-scene.js';

/** A cluster that nobody watches, told and configured in one task, which is done. */
export async function configureWhileItReports({
  client,
  worker,
}: Scene): Promise<WorkflowHandle<typeof clusterHealth>> {
  const spec = clusterSpec(`c-${Date.now().toString(36)}`);
  const order = { spec, vantages: ['eu', 'us'], services: ['first'] };
  const handle = await client.workflow.start<typeof clusterHealth>('clusterHealth', {
    taskQueue: CONTROL_TASK_QUEUE,
    workflowId: clusterHealthId(spec.name),
    args: [order],
  });
  await handle.query(clusterHealthQuery);
  await worker.die();
  await handle.signal(tellVerdictSignal, { service: 'second' });
  await handle.signal(configureClusterSignal, {
    ...order,
    spec: { ...spec, region: 'us' },
    services: ['first', 'second'],
  });
  worker.comeBack();
  await eventually(async () => (await handle.query(clusterOrderQuery)).spec.region === 'us');
  return handle;
}
