/**
 * The life of an instance as its user meets it: one command and everything runs, beside others; Ctrl-C or worse, and
 * nothing is left behind but what it knew, which the next start takes up. One instance serves all tests: whoever ends it
 * starts it again.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commandOf, isAlive } from '../../src/temporal/running.js';
import { eventually } from '../kit/eventually.js';
import { startInstance, type TestInstance } from '../kit/instance.js';
import { effectiveWeights, rampReaches, servingNow, statusOf, verdictsAre } from './fleet-status.js';

/** Generous: four processes and a server on a busy machine. A quiet one needs five seconds. */
const READY_MS_MAX = 45_000;

/** Newest first, because they end in that order. */
const started: TestInstance[] = [];
let instance: TestInstance;

async function start(at?: Pick<TestInstance, 'dataDir' | 'portBase'>): Promise<TestInstance> {
  const fresh = await startInstance(at === undefined ? {} : { dataDir: at.dataDir, portBase: at.portBase });
  started.unshift(fresh);
  return fresh;
}

let readyAfterMs: number;
beforeAll(async () => {
  const startedAt = Date.now();
  instance = await start();
  readyAfterMs = Date.now() - startedAt;
});
afterAll(async () => {
  for (const one of started) await one.stop();
});

/** Of an instance and all that it started, also what is in no list: children of children, watchdogs. */
function processesOf(one: TestInstance): readonly number[] {
  const listed = [one.info().pid, ...one.info().processes.map(({ pid }) => pid)];
  return [...new Set([...listed, ...listed.flatMap(descendants)])];
}

/** As far as `/proc` tells; elsewhere only what is listed is looked for. */
function descendants(pid: number): number[] {
  if (!existsSync('/proc/self/stat')) return [];
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/u.test(name))
    .map(Number)
    .filter((candidate) => parentOf(candidate) === pid);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

function parentOf(pid: number): number | null {
  try {
    // `pid (name) state ppid …`; the name may hold anything, blanks and brackets too.
    const [, parent] = /\) \S (\d+) /u.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return Number(parent);
  } catch {
    return null; // it ended meanwhile
  }
}

/** Ends the instance with this signal and waits until everything of it is gone. */
async function endWith(signal: NodeJS.Signals, withinMs: number): Promise<void> {
  const pids = processesOf(instance);
  expect(pids.length).toBeGreaterThan(6);
  process.kill(instance.info().pid, signal);
  await allGone(pids, withinMs);
}

/** @throws Error naming what still runs */
async function allGone(pids: readonly number[], withinMs: number): Promise<void> {
  const left = (): number[] => pids.filter(isAlive);
  await eventually(() => left().length === 0, withinMs).catch(async () => {
    const commands = await Promise.all(left().map(commandOf));
    expect(commands, `left after ${withinMs} ms`).toEqual([]);
  });
}

test('one command, and soon everything runs', async () => {
  expect(readyAfterMs).toBeLessThan(READY_MS_MAX);
  expect(instance.info().processes.map((p) => p.name)).toEqual(
    expect.arrayContaining(['temporal', 'gateway', 'sim eu-a', 'sim us-b', 'worker control', 'worker probe local']),
  );
  await verdictsAre(instance, { 'eu-a': 'healthy', 'us-b': 'healthy' });
});

test('what it writes is its user’s alone, what Temporal writes too', () => {
  const names = readdirSync(instance.dataDir, { recursive: true, encoding: 'utf8' }).map((name) =>
    join(instance.dataDir, name),
  );
  expect(names.filter((name) => /temporal\.db|instance\.json|logs.gateway\.log/u.test(name)).length).toBeGreaterThan(2);
  const readable = [instance.dataDir, ...names].filter((name) => (statSync(name).mode & 0o077) !== 0);
  expect(readable).toEqual([]);
});

test('its directory and its ports are not to be had, and nothing starts before that is known', async () => {
  const sameDir = await instance.cli('dev', '--plain', '--data-dir', instance.dataDir, '--port-base', '60000');
  expect(sameDir.code).toBe(3);
  expect(sameDir.stderr).toContain(`is in use by process ${instance.info().pid}`);

  const elsewhere = join(instance.dataDir, 'elsewhere');
  const ports = ['--port-base', String(instance.portBase)];
  const samePorts = await instance.cli('dev', '--plain', '--data-dir', elsewhere, ...ports);
  expect(samePorts.code).toBe(3);
  expect(samePorts.stderr).toContain(`port ${instance.portBase + 1} (gateway) is in use`);
  expect(samePorts.stderr).toContain('--port-base');
  expect(existsSync(join(elsewhere, 'temporal.db'))).toBe(false);
  expect(existsSync(join(elsewhere, 'instance.json'))).toBe(false);
});

test('a second instance runs beside it and serves; Ctrl-C ends it within 10 s and leaves no process', async () => {
  const first = instance;
  instance = await start();
  expect(instance.info().gateway.url).not.toBe(first.info().gateway.url);
  for (const { gateway } of [first.info(), instance.info()]) {
    const models = await fetch(`${gateway.url}/v1/models`);
    expect(models.status).toBe(200);
  }
  await endWith('SIGINT', 10_000);
  expect(existsSync(join(instance.dataDir, 'instance.json'))).toBe(false);
  expect(processesOf(first).every(isAlive)).toBe(true);
  instance = first;
});

test('whatever is killed comes back under a new process id', async () => {
  for (const name of ['temporal', 'gateway', 'worker control', 'worker probe local']) {
    const before = instance.kill(name);
    await eventually(() => instance.info().processes.some((p) => p.name === name && p.pid !== before), 30_000);
  }
});

test('a move that was in the middle of its ramp when everything ended goes on after the next start', async () => {
  await verdictsAre(instance, { 'eu-a': 'healthy', 'us-b': 'healthy' });
  const { from, to } = await servingNow(instance);
  const before = (await instance.history()).length;
  const order = ['--to', to, '--reason', 'kernel upgrade', '--by', 'tester'];
  await instance.mustWork('switchover', 'chat', ...order);
  await rampReaches(instance, to, 5);
  await endWith('SIGINT', 10_000);
  expect(existsSync(join(instance.dataDir, 'instance.json'))).toBe(false);

  instance = await start(instance);
  const move = await instance.moves(before + 1);
  expect(move).toMatchObject({ state: 'done', by: 'tester', weights: { [from]: 0, [to]: 100 } });
  expect(move.steps.map((s) => s.name)).toEqual(expect.arrayContaining(['ramp 1 %', 'ramp 5 %', 'ramp 100 %']));
  expect(await effectiveWeights(instance)).toEqual({ [from]: 0, [to]: 100 });
});

test('killed with -9 it takes every process with it, and the next start knows weights, epoch and history', async () => {
  const { to } = await servingNow(instance);
  await instance.mustWork('switchover', 'chat', '--to', to, '--reason', 'a test', '--by', 'tester', '--wait', '--yes');
  const [history, { epoch, intended }] = [await instance.history(), await statusOf(instance)];
  expect([intended[to], history[0]?.state]).toEqual([100, 'done']);
  await endWith('SIGKILL', 15_000);

  instance = await start(instance);
  expect(await statusOf(instance)).toMatchObject({ epoch, intended, move: null });
  expect(await effectiveWeights(instance)).toEqual(intended);
  expect(await instance.history()).toEqual(history);
});

test('a second signal ends it at once', async () => {
  const pids = processesOf(instance);
  const { pid } = instance.info();
  process.kill(pid, 'SIGTERM');
  process.kill(pid, 'SIGINT');
  await allGone(pids, 3_000);
  instance = await start(instance);
});
