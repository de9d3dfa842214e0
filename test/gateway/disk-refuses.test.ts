/** A disk that is full or read-only when the gateway starts: callers are served, it says so, and saves when it can. */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { eventually } from '../kit/eventually.js';
import { gatewayProcess, type GatewayProcess } from './gateway-process.js';
import { atEnd, stopAll, tempDir, upstream } from './kit.js';
import { answerAs } from './upstream.js';

afterEach(stopAll);

const mount = (...args: readonly string[]): boolean => spawnSync('mount', args).status === 0;

/** A file system of its own, 400 KiB. */
function smallDisk(): string {
  const dir = tempDir();
  if (!mount('-t', 'tmpfs', '-o', 'size=400k,mode=0700', 'tmpfs', dir))
    throw new Error(`nothing was mounted at ${dir}`);
  atEnd(() => void spawnSync('umount', [dir]));
  return dir;
}

const canMount = ((): boolean => {
  const dir = tempDir();
  const can = mount('-t', 'tmpfs', '-o', 'size=4k', 'tmpfs', dir);
  if (can) spawnSync('umount', [dir]);
  return can;
})();

const ROUTES = 'gateway-routes.json';
const weightsIn = (dir: string): unknown =>
  (JSON.parse(readFileSync(join(dir, ROUTES), 'utf8')) as { services: { chat: { weights: unknown } } }).services.chat
    .weights;

interface Refusal {
  readonly begin: (dir: string) => void;
  readonly end: (dir: string) => void;
}

const FULL: Refusal = {
  begin: (dir) => {
    try {
      writeFileSync(join(dir, 'fill'), Buffer.alloc(1 << 20));
    } catch {
      // That is what was wanted: as much as fits is there.
    }
  },
  end: (dir) => rmSync(join(dir, 'fill')),
};
const READ_ONLY: Refusal = {
  begin: (dir) => void mount('-o', 'remount,ro', dir),
  end: (dir) => void mount('-o', 'remount,rw', dir),
};

if (!canMount && process.env['CI'] === 'true') throw new Error('these tests mount small file systems, as root');
if (!canMount) console.warn('NOT TESTED: only root can mount a small file system');

test.skipIf(!canMount).each([
  ['full', FULL],
  ['read-only', READ_ONLY],
])('where the disk is %s, a gateway serves by its table, says so, and saves later', async (_name, refusal) => {
  const dataDir = smallDisk();
  const [a, b] = [await upstream(answerAs('a')), await upstream(answerAs('b'))];
  const members = { a: a.url, b: b.url };
  const before = await gatewayProcess({ members, dataDir });
  await before.admin('PUT', '/routes/chat', { epoch: 3, weights: { a: 0, b: 100 } });
  before.kill('SIGTERM');
  await before.ended;

  refusal.begin(dataDir);
  const gateway = await gatewayProcess({ members, dataDir });
  const told = (event: string): boolean => gateway.lines.some((line) => line['event'] === event);
  expect(told('table-not-saved')).toBe(true);
  expect(await gateway.state()).toMatchObject({ epoch: 3, intended: { a: 0, b: 100 } });
  expect((await chat(gateway)).status).toBe(200);

  refusal.end(dataDir);
  await eventually(() => told('table-saved'));
  expect((await gateway.admin('PUT', '/routes/chat', { epoch: 4, weights: { a: 50, b: 50 } })).status).toBe(200);
  expect(weightsIn(dataDir)).toEqual({ a: 50, b: 50 });
});

const chat = async ({ url }: GatewayProcess): Promise<Response> =>
  await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'chat', messages: [] }),
  });
