/** A real gateway whose file is read again: whatever the file is, its callers are answered meanwhile. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../kit/eventually.js';

const BIN = fileURLToPath(new URL('../../bin/understudy.js', import.meta.url));
/** For a machine with other work to do; a gateway that waits for a pipe never answers. */
const ANSWER_MAX_MS = 5_000;

const dir = mkdtempSync(join(tmpdir(), 'understudy-reload-'));
const config = join(dir, 'understudy.yaml');
let running: ChildProcess;
let said = '';
let url = '';

const fileWith = (name: string): string =>
  [
    'version: 1',
    'clusters: { a: { url: http://127.0.0.1:1, region: eu, model: m } }',
    'services: { chat: { clusters: [ { name: a, role: primary } ] } }',
    `gateway: { keys: [ { name: ${name}, sha256: ${createHash('sha256').update(name).digest('hex')} } ] }`,
  ].join('\n');

const status = async (key: string): Promise<number> => {
  const signal = AbortSignal.timeout(ANSWER_MAX_MS);
  return (await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${key}` }, signal })).status;
};

/** Sends the signal, and asks without a pause until the line is there. */
async function reload(line: string): Promise<number[]> {
  said = '';
  running.kill('SIGHUP');
  const seen: number[] = [];
  await eventually(async () => {
    seen.push(await status('old'));
    return said.includes(line);
  }, 30_000);
  return [...new Set(seen)];
}

beforeAll(async () => {
  writeFileSync(config, fileWith('old'));
  const args = ['gateway', '--config', config, '--port', '0', '--admin-port', '0', '--data-dir', join(dir, 'data')];
  running = spawn(process.execPath, [BIN, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  running.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await eventually(() => said.includes('"event":"ready"'), 20_000);
  url = /"event":"ready","url":"([^"]+)"/.exec(said)?.[1] ?? '';
}, 30_000);

afterAll(async () => {
  running.kill('SIGTERM');
  await new Promise((resolve) => running.once('exit', resolve));
  rmSync(dir, { recursive: true, force: true });
});

test.each([
  ['huge', `version: 1\n${Array.from({ length: 60_000 }, (_, i) => `key${i}: 1`).join('\n')}`],
  ['deep', `version: 1\nclusters: ${'['.repeat(200_000)}`],
  ['empty', ''],
])(
  'a file that is %s changes nothing, and callers are answered',
  async (_name, text) => {
    writeFileSync(config, text);
    expect(await reload('"event":"keys-not-replaced"')).toEqual([200]);
  },
  40_000,
);

test('a pipe that nobody writes to holds up nobody; the file that comes after it is read', async () => {
  rmSync(config);
  execFileSync('mkfifo', [config]);
  running.kill('SIGHUP');
  for (let i = 0; i < 20; i += 1) expect(await status('old')).toBe(200);
  // Whoever reads waits in open(2); this writes to it and lets it go on.
  writeFileSync(config, 'version: 2\n');
  await eventually(() => said.includes('"event":"keys-not-replaced"'), 20_000);
  rmSync(config);
  writeFileSync(config, fileWith('new'));
  await reload('"event":"keys-replaced"');
  await eventually(async () => (await status('new')) === 200, 10_000);
  expect(await status('old')).toBe(401);
}, 60_000);
