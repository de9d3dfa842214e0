/**
 * Static stability: everything that decides is dead, Temporal, the control worker and the probe worker, and nobody starts
 * it again. Then the cluster that carries all the traffic dies too: the data plane serves by itself.
 */
import type { ChildProcess } from 'node:child_process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseFleet } from '../../src/config/load.js';
import { applyFleet } from '../../src/control/apply.js';
import { isAlive } from '../../src/temporal/running.js';
import { serviceGuardId } from '../../src/workflows/ids.js';
import { guardViewQuery } from '../../src/workflows/messages.js';
import { openStage, type Stage } from '../bench/stage.js';
import { eventually } from '../kit/eventually.js';
import {
  callService,
  closeClusters,
  putFault,
  servicesYaml,
  startClusters,
  type TestClusters,
} from '../kit/simulated-services.js';

const REQUESTS_PER_SECOND = 20;
/** Requests in each chapter: all is well, nobody decides, the cluster is dead. */
const CHAPTER = 200;

let clusters: TestClusters;
let stage: Stage;
let prober: ChildProcess;

beforeEach(async () => {
  clusters = await startClusters(['eu-a', 'us-b']);
  const config = servicesYaml(clusters, [{ name: 'chat', primary: 'eu-a', standby: 'us-b' }], ['local']);
  stage = await openStage(config);
  prober = await stage.run('worker', 'probe', '--address', stage.address, '--gateway-admin', stage.adminUrl);
  await applyFleet(stage.client, parseFleet(config, 'test.yaml'), { dryRun: false });
  await eventually(async () => {
    const view = await stage.client.workflow.getHandle(serviceGuardId('chat')).query(guardViewQuery);
    return view.clusters.every(({ verdict }) => verdict === 'healthy');
  }, 60_000);
});
afterEach(async () => {
  await stage.close();
  await closeClusters(clusters);
});

test('nothing that decides is alive, and a cluster dies under its callers: nobody is lost, nobody is cut', async () => {
  const { run, results } = callService(stage.gatewayUrl, 'chat', REQUESTS_PER_SECOND);
  await eventually(() => results.length >= CHAPTER, 60_000);

  const control = [prober.pid, stage.controlWorker.pid, stage.temporalPid].map(Number);
  for (const pid of control) process.kill(pid, 'SIGKILL');
  await eventually(() => !control.some(isAlive));
  await eventually(() => results.length >= 2 * CHAPTER, 60_000);

  await putFault(clusters, 'eu-a', { kind: 'crash' });
  await eventually(() => results.filter(({ servedBy }) => servedBy === 'us-b').length >= CHAPTER, 60_000);
  await run.stop();
  expect(results.filter(({ verdict }) => verdict !== 'ok')).toEqual([]);
  expect(control.some(isAlive)).toBe(false);
});
