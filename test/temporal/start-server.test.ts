import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectClient } from '../../src/temporal/connect.js';
import { findTemporalBinary } from '../../src/temporal/find-binary.js';
import { isAlive } from '../../src/temporal/running.js';
import { freePorts } from '../../src/temporal/ports.js';
import { ensureSearchAttributes, SEARCH_ATTRIBUTES } from '../../src/temporal/search-attributes.js';
import { startTemporalServer, type ServerOrder, type TemporalServer } from '../../src/temporal/start-server.js';

const dataDir = mkdtempSync(join(tmpdir(), 'understudy-server-'));
let binary = '';

async function order(overrides: Partial<ServerOrder> = {}): Promise<ServerOrder> {
  const [port = 0, uiPort = 0, metricsPort = 0] = await freePorts(3);
  return { binary, dataDir, port, uiPort, metricsPort, namespace: 'default', onLine: () => undefined, ...overrides };
}

beforeAll(async () => {
  binary = (await findTemporalBinary({ onLine: () => undefined })).path;
});
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

describe('a running server', () => {
  let server: TemporalServer;
  beforeAll(async () => {
    server = await startTemporalServer(await order());
  }, 60_000);
  afterAll(async () => {
    await server.stop();
  });

  test('serves its namespace, knows our search attributes and has a UI', async () => {
    const { connection } = await connectClient({ address: server.address, namespace: 'default', deadlineMs: 5_000 });
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: 'default' });
    expect(Object.keys(customAttributes ?? {})).toEqual(expect.arrayContaining([...SEARCH_ATTRIBUTES]));
    expect(await ensureSearchAttributes(connection, 'default')).toEqual([]);
    await connection.close();
    expect((await fetch(server.uiUrl ?? '')).status).toBe(200);
  });

  test('a workflow id may be taken again at once', async () => {
    const { client, connection } = await connectClient({
      address: server.address,
      namespace: 'default',
      deadlineMs: 5_000,
    });
    for (let i = 0; i < 3; i += 1) {
      const workflow = await client.workflow.start('nobodyRunsThis', {
        workflowId: 'again-and-again',
        taskQueue: 'nowhere',
        args: [],
        workflowIdConflictPolicy: 'TERMINATE_EXISTING',
      });
      expect((await workflow.describe()).status.name).toBe('RUNNING');
    }
    await connection.close();
  });

  test('a namespace that does not exist is named in the error', async () => {
    await expect(
      connectClient({ address: server.address, namespace: 'nowhere', deadlineMs: 2_000 }),
    ).rejects.toMatchObject({
      code: 'no-namespace',
      message: expect.stringContaining('nowhere'),
    });
  });

  test('a second server on the same port is refused, naming the one that has it', async () => {
    const again = await order({ port: Number(server.address.split(':')[1]), dataDir: join(dataDir, 'second') });
    await expect(startTemporalServer(again)).rejects.toMatchObject({
      code: 'port-taken',
      message: expect.stringContaining(`process ${server.pid}`),
    });
  });
});

test('its state outlives it: a workflow started before a restart is there after it', async () => {
  const first = await startTemporalServer(await order({ headless: true }));
  const before = await connectClient({ address: first.address, namespace: 'default', deadlineMs: 5_000 });
  await before.client.workflow.start('nobodyRunsThis', { workflowId: 'survivor', taskQueue: 'nowhere', args: [] });
  await before.connection.close();
  await first.stop();
  expect(isAlive(first.pid)).toBe(false);

  const second = await startTemporalServer(await order({ headless: true }));
  const after = await connectClient({ address: second.address, namespace: 'default', deadlineMs: 5_000 });
  expect((await after.client.workflow.getHandle('survivor').describe()).status.name).toBe('RUNNING');
  await after.connection.close();
  await second.stop();
}, 60_000);

test('a server that nobody ended is recognised by its file and ended by the next start', async () => {
  const lines: string[] = [];
  const forgotten = await startTemporalServer(await order({ headless: true }));
  const next = await startTemporalServer(await order({ headless: true, onLine: (line) => lines.push(line) }));
  expect(lines.join('\n')).toContain(`ended process ${forgotten.pid}`);
  expect(isAlive(forgotten.pid)).toBe(false);
  expect(readFileSync(join(dataDir, 'temporal.pid'), 'utf8').trim()).toBe(String(next.pid));
  await next.stop();
  expect(existsSync(join(dataDir, 'temporal.pid'))).toBe(false);
}, 60_000);

test('a server that cannot start says what it said itself', async () => {
  const broken = await order({ namespace: '', binary: process.execPath });
  await expect(startTemporalServer(broken)).rejects.toMatchObject({ code: 'start-failed' });
});

test('a data directory that cannot be made is refused before anything starts', async () => {
  await expect(startTemporalServer(await order({ dataDir: '/dev/null/here' }))).rejects.toMatchObject({
    code: 'bad-input',
    message: expect.stringContaining('/dev/null/here'),
  });
});

test('nobody listening: the error names the address', async () => {
  const [port = 0] = await freePorts(1);
  const address = `127.0.0.1:${port}`;
  await expect(connectClient({ address, namespace: 'default', deadlineMs: 500 })).rejects.toMatchObject({
    code: 'temporal-unreachable',
    message: expect.stringContaining(address),
  });
});

test('a listener that speaks no gRPC is given up at the deadline', async () => {
  const mute = createServer(() => undefined);
  await new Promise<void>((ready) => mute.listen(0, '127.0.0.1', ready));
  const { port } = mute.address() as { port: number };
  const startedAt = Date.now();
  await expect(
    connectClient({ address: `127.0.0.1:${port}`, namespace: 'default', deadlineMs: 1_000 }),
  ).rejects.toMatchObject({ code: 'temporal-unreachable' });
  expect(Date.now() - startedAt).toBeLessThan(4_000);
  mute.close();
});
