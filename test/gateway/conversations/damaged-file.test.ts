/** Files of conversations that a full disk or a crash left behind: a start sets them aside, and nothing ends. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { setDamagedAside } from '../../../src/gateway/conversations/damaged-file.js';
import { openDiskStore } from '../../../src/gateway/conversations/disk-store.js';
import { gateway, service, SETTINGS, stopAll, tempDir, upstream } from '../kit.js';
import { answerAs } from '../upstream.js';

afterEach(stopAll);

const BOUNDS = { ttlMs: 3_600_000, bytesMax: 1 << 24 };

async function filled(): Promise<{ readonly dir: string; readonly path: string; readonly bytes: Buffer }> {
  const dir = tempDir();
  const path = join(dir, 'gateway-conversations.mdb');
  const store = openDiskStore(path, BOUNDS, Date.now);
  for (let i = 0; i < 100; i++) await store.put(`k${i}`, randomBytes(2_000).toString('hex'));
  await store.close();
  return { dir, path, bytes: readFileSync(path) };
}

test.each<[string, (path: string, bytes: Buffer) => void]>([
  ['cut to half', (path, bytes) => truncateSync(path, bytes.length / 2)],
  ['cut to a page', (path) => truncateSync(path, 4_096)],
  ['cut to some bytes', (path) => truncateSync(path, 100)],
  ['overwritten', (path, bytes) => writeFileSync(path, randomBytes(bytes.length))],
  ['a text', (path) => writeFileSync(path, 'not a database\n')],
])('a file that was %s is set aside, and the gateway serves', async (_name, damage) => {
  const { dir, path, bytes } = await filled();
  damage(path, bytes);
  const a = await upstream(answerAs('a'));
  const conversations = { ...SETTINGS.conversations, store: 'disk' } as const;
  const lab = await gateway([service({ a: a.url }, { a: 100 })], { dataDir: dir, settings: { conversations } });
  const told = lab.lines.find(({ event }) => event === 'conversations-damaged');
  expect(existsSync(String(told?.['movedTo']))).toBe(true);
  expect((await lab.chat()).status).toBe(200);
});

test('a whole file stays, so does an empty one, and one whose last page nothing needs', async () => {
  const { path } = await filled();
  expect(setDamagedAside(path, 1)).toBeNull();
  truncateSync(path, 0);
  expect(setDamagedAside(path, 1)).toBeNull();
  expect(setDamagedAside(join(path, '..', 'none'), 1)).toBeNull();
});

test.each<[string, (path: string) => void]>([
  ['a directory', (path) => mkdirSync(path)],
  ['a pipe that nobody writes to', (path) => void execFileSync('mkfifo', [path])],
  ['a link to nothing', (path) => symlinkSync(join(path, 'none'), path)],
  ['a link to a directory', (path) => symlinkSync('/tmp', path)],
  ['a device', (path) => symlinkSync('/dev/null', path)],
  ['below a file', (path) => (rmSync(dirname(path), { recursive: true }), writeFileSync(dirname(path), 'x'))],
])('where %s stands in the place of the file, it is left alone', (_name, make) => {
  const path = join(tempDir(), 'gateway-conversations.mdb');
  make(path);
  expect(setDamagedAside(path, 1)).toBeNull();
});

test('a damaged file that cannot be moved is emptied', async () => {
  const { path, bytes } = await filled();
  writeFileSync(path, randomBytes(bytes.length));
  mkdirSync(join(`${path}.damaged-1`, 'in-the-way'), { recursive: true });
  expect(setDamagedAside(path, 1)).toEqual({ movedTo: null });
  expect(readFileSync(path)).toHaveLength(0);
});
