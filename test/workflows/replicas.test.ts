import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MoveRecord } from '../../src/domain/move-record.js';
import { startGateway, type RunningGateway } from '../../src/gateway/gateway.js';
import { freePorts } from '../kit/ports.js';
import { openGateway } from '../../src/traffic/gateway.js';
import { CONTROL_TASK_QUEUE } from '../../src/workflows/ids.js';
import type { move } from '../../src/workflows/move.js';
import { gatewaySettings } from '../gateway/kit.js';
import { openScene, type Scene, type TestService } from '../kit/move-scene.js';

let scene: Scene;
let adminPort = 0;
const dataDir = mkdtempSync(join(tmpdir(), 'understudy-replica-'));

beforeAll(async () => {
  [adminPort = 0] = await freePorts(1);
  scene = await openScene({
    address: inject('temporalAddress'),
    workflowBundle: inject('workflowBundlePath'),
    alsoAt: [`http://127.0.0.1:${adminPort}`],
  });
});
afterAll(async () => {
  await scene.close();
  rmSync(dataDir, { recursive: true, force: true });
});

async function startSecond(peers: readonly string[]): Promise<RunningGateway> {
  return await startGateway({
    host: '127.0.0.1',
    port: 0,
    adminHost: '127.0.0.1',
    adminPort,
    dataDir,
    adminToken: null,
    peers,
    settings: gatewaySettings(),
    definitions: [],
    clock: Date.now,
    audit: () => undefined,
  });
}

async function switchOver(service: TestService, to: string, epoch: number): Promise<MoveRecord> {
  const from = to === 'b' ? 'a' : 'b';
  const input = service.moveInput({ to, intended: { [from]: 100, [to]: 0 } });
  const handle = await scene.client.workflow.start<typeof move>('move', {
    taskQueue: CONTROL_TASK_QUEUE,
    workflowId: `move/${service.spec.name}/${epoch}`,
    args: [{ ...input, epoch }],
  });
  return await handle.result();
}

test('a move goes on while a gateway is down and names it; that gateway has caught up before it serves again', async () => {
  const service = await scene.service(['a', 'b']);
  const first = await startSecond([scene.gateway.adminUrl]);
  const second = openGateway({ adminUrl: first.adminUrl, token: null, timeoutMs: 2_000 });
  expect(await second.read(service.spec.name)).toMatchObject({ epoch: 0, intended: { a: 100, b: 0 } });
  await first.close(0);

  const without = await switchOver(service, 'b', 1);
  expect(without).toMatchObject({ state: 'done', weights: { a: 0, b: 100 } });
  const told = without.steps.filter(({ why }) => why?.includes(`not on gateway 127.0.0.1:${adminPort}`) === true);
  expect(told.map(({ name }) => name)).toEqual(['ramp 25 %', 'ramp 100 %', 'confirm', 'end check']);

  // What a lost gateway runs is unknown, but the engine says that nothing runs.
  expect(without.steps.find(({ name }) => name === 'drain a')).toMatchObject({ verdict: 'empty' });

  const back = await startSecond([scene.gateway.adminUrl]);
  try {
    expect(await second.read(service.spec.name)).toMatchObject({ epoch: 1, intended: { a: 0, b: 100 } });
    const together = await switchOver(service, 'a', 2);
    expect(together).toMatchObject({ state: 'done', weights: { a: 100, b: 0 } });
    expect(JSON.stringify(together.steps)).not.toContain('not on gateway');
    expect(await second.read(service.spec.name)).toMatchObject({ epoch: 2, intended: { a: 100, b: 0 } });
  } finally {
    await back.close(0);
  }
});
