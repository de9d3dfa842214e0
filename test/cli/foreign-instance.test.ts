/** Real processes: what they write is theirs alone, and what others wrote leads them nowhere. */
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeInstance } from '../../src/config/instance.js';
import { compiled } from '../kit/compiled.js';
import { eventually } from '../kit/eventually.js';

const top = mkdtempSync(join(tmpdir(), 'understudy-foreign-'));
const heard: string[] = [];
/** Listens at every address that the foreign file names. */
const trap = createServer((socket) => {
  heard.push('connected');
  socket.on('data', (bytes) => heard.push(bytes.toString('latin1')));
  socket.on('error', () => undefined);
});
let trapPort = 0;

beforeAll(async () => {
  await new Promise<void>((ready) => trap.listen(0, '127.0.0.1', ready));
  trapPort = (trap.address() as AddressInfo).port;
});
afterAll(() => {
  trap.close();
  rmSync(top, { recursive: true, force: true });
});

describe('an instance.json that somebody else may have written', () => {
  test.each<[string, string, (dir: string) => void]>([
    ['status', 'writable by everybody', (dir) => chmodSync(join(dir, 'instance.json'), 0o666)],
    ['doctor', 'in a directory that is writable by everybody', (dir) => chmodSync(dir, 0o777)],
    ['failover chat', 'writable by a group', (dir) => chmodSync(join(dir, 'instance.json'), 0o660)],
    ...(process.getuid?.() === 0
      ? ([['status', 'of another user', (dir) => chownSync(join(dir, 'instance.json'), 12_345, 12_345)]] as [
          string,
          string,
          (dir: string) => void,
        ][])
      : []),
  ])('%s: %s, is not followed, and no token goes out', async (verb, _, spoil) => {
    const dir = mkdtempSync(join(top, 'data-'));
    const at = `127.0.0.1:${trapPort}`;
    writeInstance(dir, {
      pid: process.pid,
      startedAt: '2026-01-01T00:00:00.000Z',
      portBase: 4400,
      configFile: join(dir, 'none.yaml'),
      temporal: { address: at, namespace: 'default', uiUrl: null },
      gateway: { url: `http://${at}`, adminUrl: `http://${at}` },
      adminToken: 'theirs',
      simulated: {},
      processes: [],
    });
    spoil(dir);
    const env = { UNDERSTUDY_ADMIN_TOKEN: 'secret-of-ours', TEMPORAL_API_KEY: 'key-of-ours', TEMPORAL_TLS: 'false' };
    const { code, text } = await run([...verb.split(' '), '--data-dir', dir], env);
    expect(text).toMatch(/is not believed: /u);
    expect(text).toContain('chmod go-w');
    expect(code).toBe(verb === 'doctor' ? 1 : 3);
    expect(heard).toEqual([]);
  });
});

test('what a gateway writes is its user’s alone from the start; its access log may be read by its group', async () => {
  const [dir, logs] = [join(top, 'fresh'), join(top, 'var-log')];
  mkdirSync(logs);
  const config = join(top, 'fleet.yaml');
  writeFileSync(config, CONFIG.replace('LOG', join(logs, 'access.jsonl')));
  const args = ['gateway', '--config', config, '--port', '0', '--admin-port', '0', '--data-dir', dir];
  const child = spawn('sh', [
    '-c',
    'umask 000; exec "$0" "$@"',
    process.execPath,
    compiled('bin/understudy.js'),
    ...args,
  ]);
  const lines: string[] = [];
  for (const input of [child.stdout, child.stderr]) createInterface({ input }).on('line', (line) => lines.push(line));
  try {
    await eventually(() => lines.some((line) => line.includes('"ready"')) || child.exitCode !== null);
    expect(lines.join('\n')).toContain('"ready"');
    expect(modes(dir)).toEqual({
      '.': '700',
      'gateway-admin-token': '600',
      'gateway-conversations.mdb': '600',
      'gateway-conversations.mdb-lock': '600',
      'gateway-routes.json': '600',
    });
    expect(modes(logs)['access.jsonl']).toBe('640');
  } finally {
    child.kill('SIGKILL');
  }
});

const CONFIG = `
version: 1
clusters:
  eu-a: { url: http://127.0.0.1:1, region: eu, engine: generic, model: m }
services:
  chat:
    strategy: primary-standby
    clusters: [{ name: eu-a, role: primary }]
gateway: { accessLog: LOG }
`;

const modes = (dir: string): Record<string, string> =>
  Object.fromEntries(
    ['.', ...readdirSync(dir)].map((name) => [name, (statSync(join(dir, name)).mode & 0o7777).toString(8)]),
  );

async function run(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ readonly code: number; readonly text: string }> {
  const child = spawn(process.execPath, [compiled('bin/understudy.js'), ...args], { env: { ...process.env, ...env } });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const code = await new Promise<number>((resolve) => child.once('close', (status) => resolve(status ?? -1)));
  return { code, text };
}
