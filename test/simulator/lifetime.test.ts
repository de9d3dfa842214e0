/** The command line of the simulator under plain Node, and what is left when its processes die. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { writeInstance } from '../../src/config/instance.js';
import { orderFault, readClusterState } from '../../src/simulator/control-client.js';
import { asked, eventually } from './asking.js';
import { compiled } from '../kit/compiled.js';

let main: string;
let dataDir: string;
const running: ChildProcess[] = [];

/** The door of the real command in three lines. */
const MAIN = `
import { simCommand } from '${pathToFileURL(compiled('dist/cli/sim.js')).href}';
const sim = simCommand();
await sim.parseAsync(process.argv);`;

interface Ready {
  readonly url: string;
  readonly controlUrl: string;
  readonly pid: number;
  readonly servingPid: number;
}

beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'understudy-sim-test-'));
  main = join(dataDir, 'main.mjs');
  writeFileSync(main, MAIN);
});
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
});
afterAll(() => {
  rmSync(dataDir, { recursive: true, force: true });
});

async function startCluster(...args: string[]): Promise<Ready & { child: ChildProcess }> {
  const child = spawn(process.execPath, [main, 'cluster', '--name', 'eu-a', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.push(child);
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const ready = JSON.parse(line.toString()) as Ready & { event: string };
  expect(ready.event).toBe('ready');
  return { ...ready, child };
}

async function sim(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', UNDERSTUDY_DATA_DIR: dataDir },
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

/** A process that is there and is no zombie. */
function lives(pid: number): boolean {
  try {
    return !/^State:\s+Z/mu.test(readFileSync(`/proc/${String(pid)}/status`, 'utf8'));
  } catch {
    return false;
  }
}

function describeInstance(
  simulated: Record<string, { url: string; controlUrl: string }>,
  gateway = 'http://127.0.0.1:9',
): void {
  writeInstance(dataDir, {
    pid: process.pid,
    startedAt: new Date().toISOString(),
    portBase: 4400,
    configFile: 'none',
    temporal: { address: '127.0.0.1:9', namespace: 'default', uiUrl: null },
    gateway: { url: gateway, adminUrl: 'http://127.0.0.1:9' },
    adminToken: 'none',
    simulated,
    processes: [],
  });
}

test('SIGTERM ends a cluster in good order, its serving child included', async () => {
  const { child, servingPid } = await startCluster();
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
  await eventually(() => !lives(servingPid));
});

test.each(['running', 'frozen'])('a host that is killed takes its %s child along', async (how) => {
  const { child, controlUrl, servingPid } = await startCluster();
  if (how === 'frozen') await orderFault(controlUrl, { kind: 'freeze' });
  child.kill('SIGKILL');
  await once(child, 'exit');
  await eventually(() => !lives(servingPid));
});

test('a host whose parent closes the channel ends, its serving child included', async () => {
  const child = spawn(process.execPath, [main, 'cluster', '--name', 'eu-a'], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  running.push(child);
  const [line] = (await once(child.stdout as Readable, 'data')) as [Buffer];
  const { servingPid } = JSON.parse(line.toString()) as Ready;
  child.disconnect();
  await once(child, 'exit');
  await eventually(() => !lives(servingPid));
});

test('a serving child that dies by itself is started again on the same port', async () => {
  const { url, controlUrl, servingPid } = await startCluster();
  process.kill(servingPid, 'SIGKILL');
  await eventually(async () => {
    const { servingPid: now } = await readClusterState(controlUrl);
    return now !== null && now !== servingPid;
  });
  await eventually(async () => (await asked(url, '/health').catch(() => null))?.status === 200);
});

test('a port that is taken is said, and nothing stays behind', async () => {
  const { url } = await startCluster();
  const { code, err } = await sim('cluster', '--name', 'us-b', '--port', new URL(url).port);
  expect([code, err]).toEqual([3, expect.stringContaining('simulated cluster us-b cannot serve on 127.0.0.1:')]);
});

test('fault, faults and clear find their cluster through the data directory', async () => {
  const cluster = await startCluster('--tokens-per-second', '200');
  describeInstance({ 'eu-a': cluster, 'us-b': { url: 'http://127.0.0.1:9', controlUrl: 'http://127.0.0.1:9' } });
  const order = await sim('fault', 'eu-a', 'errors', '--share', '0.5', '--set', 'status=503', '--for', '60s');
  expect(order).toMatchObject({
    code: 0,
    out: 'eu-a: errors (share=0.5, as=status, status=503) is on. It ends by itself after 1m.\n',
  });
  const list = await sim('faults', '--json');
  expect(JSON.parse(list.out)).toMatchObject({
    kinds: expect.arrayContaining([expect.objectContaining({ kind: 'crash' })]) as unknown,
    clusters: [
      { cluster: 'eu-a', state: { faults: [{ kind: 'errors', params: { share: 0.5, status: 503 } }] } },
      { cluster: 'us-b', state: null },
    ],
  });
  expect((await sim('clear', 'eu-a')).out).toBe('eu-a: errors cleared\n');
  expect((await sim('clear', 'eu-a', 'errors', '--json')).out).toBe('{"cluster":"eu-a","cleared":[]}\n');
});

test('load tells by its exit status whether anything went wrong', async () => {
  const cluster = await startCluster('--tokens-per-second', '500');
  describeInstance({ 'eu-a': cluster }, cluster.url);
  const args = ['load', '--model', 'llama-3.1-70b', '--rate', '100', '--total', '20', '--max-tokens', '5', '--json'];
  const good = await sim(...args);
  expect([good.code, JSON.parse(good.out)]).toMatchObject([0, { sent: 20, ok: 20 }]);
  await orderFault(cluster.controlUrl, { kind: 'errors', share: 0.5 });
  const bad = await sim(...args);
  expect([bad.code, JSON.parse(bad.out)]).toMatchObject([1, { ok: 10, lost: 10 }]);
});

test.each<[string, string[], number, string]>([
  ['an unknown kind', ['fault', 'eu-a', 'meteor'], 2, 'the kinds are crash, freeze'],
  ['a share over 1', ['fault', 'eu-a', 'errors', '--share', '7'], 2, '--share takes a number from 0 to 1, not "7"'],
  ['a duration without unit', ['fault', 'eu-a', 'crash', '--for', '30'], 2, '--for takes a duration such as'],
  ['an unknown parameter', ['fault', 'eu-a', 'crash', '--set', 'x=1'], 2, 'crash has the parameters none'],
  [
    'a parameter that the kind lacks',
    ['fault', 'eu-a', 'crash', '--share', '0.5'],
    3,
    'crash has no parameter "share"',
  ],
  ['an unknown cluster', ['fault', 'mars', 'crash'], 3, 'no simulated cluster is called "mars"; there are eu-a, us-b'],
  ['a cluster that does not answer', ['fault', 'us-b', 'crash'], 4, 'no answer from http://127.0.0.1:9'],
  ['no instance', ['clear', 'eu-a', '--data-dir', '/nowhere'], 4, 'no instance is running in /nowhere'],
  [
    'a target elsewhere',
    ['load', '--url', 'http://example.com', '--total', '1'],
    3,
    'expected an http URL of this machine',
  ],
  ['a wrong number', ['cluster', '--name', 'x', '--port', '99999'], 2, '--port takes a number from 0 to 65535'],
])('%s ends with a reason and the right status', async (_name, args, code, message) => {
  const cluster = await startCluster();
  describeInstance({ 'eu-a': cluster, 'us-b': { url: 'http://127.0.0.1:9', controlUrl: 'http://127.0.0.1:9' } });
  const answer = await sim(...args);
  expect([answer.code, answer.err]).toEqual([code, expect.stringContaining(message)]);
});

test('the control API takes JSON from this machine only, and bodies of a bounded size', async () => {
  const { controlUrl } = await startCluster();
  const post = async (body: string, headers: Record<string, string>): Promise<number> =>
    await new Promise((resolve, reject) => {
      const req = request(new URL('/fault', controlUrl), { method: 'POST', headers }, (res) => {
        resolve(res.resume().statusCode ?? 0);
      });
      req.on('error', reject);
      req.end(body);
    });
  const json = { 'content-type': 'application/json' };
  expect(await post('{"kind":"crash"}', { 'content-type': 'text/plain' })).toBe(415);
  expect(await post('{"kind":"crash"}', { ...json, host: 'evil.example' })).toBe(403);
  expect(await post('{"kind":', json)).toBe(400);
  expect(await post(`{"kind":"${'x'.repeat(70_000)}"}`, json)).toBe(413);
  expect((await readClusterState(controlUrl)).faults).toEqual([]);
});
