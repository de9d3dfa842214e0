/** `understudy dev` as its user meets it: one command, everything runs; Ctrl-C or worse, and nothing is left behind. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { isAlive } from '../../src/temporal/running.js';
import { eventually } from '../kit/eventually.js';
import { startInstance, type TestInstance } from '../kit/instance.js';

const running: TestInstance[] = [];
afterEach(async () => {
  for (const instance of running.splice(0)) await instance.stop();
});

async function start(): Promise<TestInstance> {
  const instance = await startInstance();
  running.push(instance);
  return instance;
}

const pidsOf = (instance: TestInstance): number[] => [
  instance.info().pid,
  ...instance.info().processes.map(({ pid }) => pid),
];
const gone = (pids: readonly number[]): boolean => pids.every((pid) => !isAlive(pid));

test('two instances run side by side, and neither can be started a second time', async () => {
  const [one, two] = [await start(), await start()];
  expect(one.info().gateway.url).not.toBe(two.info().gateway.url);

  const sameDir = await one.cli('dev', '--plain', '--data-dir', one.dataDir, '--port-base', '60000');
  expect(sameDir.code).toBe(3);
  expect(sameDir.stderr).toContain(`is in use by process ${one.info().pid}`);

  const elsewhere = join(one.dataDir, 'elsewhere');
  const samePorts = await one.cli('dev', '--plain', '--data-dir', elsewhere, '--port-base', String(one.portBase));
  expect(samePorts.code).toBe(3);
  expect(samePorts.stderr).toContain(`port ${one.portBase + 1} (gateway) is in use`);
  expect(samePorts.stderr).toContain('--port-base');
  expect(existsSync(join(elsewhere, 'temporal.db'))).toBe(false);
});

test('told to end, it ends within 10 s, leaves no process and no description behind', async () => {
  const instance = await start();
  const pids = pidsOf(instance);
  const startedAt = Date.now();
  process.kill(instance.info().pid, 'SIGINT');
  await eventually(() => gone(pids), 10_000);
  expect(Date.now() - startedAt).toBeLessThan(10_000);
  expect(existsSync(join(instance.dataDir, 'instance.json'))).toBe(false);
});

test('killed with -9, it takes every process with it, and the next start takes over its directory', async () => {
  const instance = await start();
  const pids = pidsOf(instance);
  process.kill(instance.info().pid, 'SIGKILL');
  await eventually(() => gone(pids), 15_000);

  const args = [
    'dev',
    '--plain',
    '--no-load',
    '--data-dir',
    instance.dataDir,
    '--port-base',
    String(instance.portBase),
  ];
  const next = instance.cli(...args);
  await eventually(
    () => existsSync(join(instance.dataDir, 'instance.json')) && instance.info().pid !== pids[0],
    60_000,
  );
  await eventually(() => instance.info().processes.some(({ name }) => name === 'worker control'), 60_000);
  const again = pidsOf(instance);
  process.kill(instance.info().pid, 'SIGTERM');
  expect((await next).code).toBe(0);
  expect(gone(again)).toBe(true);
});

test('whatever is killed comes back under a new process id', async () => {
  const instance = await start();
  for (const name of ['temporal', 'gateway', 'worker control', 'worker probe local']) {
    const before = instance.kill(name);
    await eventually(() => instance.info().processes.some((p) => p.name === name && p.pid !== before), 30_000);
  }
});

test('a second signal ends it at once', async () => {
  const instance = await start();
  const pids = pidsOf(instance);
  process.kill(instance.info().pid, 'SIGTERM');
  process.kill(pids[0] ?? 0, 'SIGINT');
  await eventually(() => gone(pids), 3_000);
});
