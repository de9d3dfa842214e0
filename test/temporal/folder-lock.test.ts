import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withFolderLock } from '../../src/temporal/folder-lock.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const options = { staleAfterMs: 60_000, waitMsMax: 10_000, onWait: () => undefined };

test('two that ask at once work one after the other', async () => {
  const path = join(folder, 'lock');
  let [inside, most] = [0, 0];
  const work = async (): Promise<void> => {
    inside += 1;
    most = Math.max(most, inside);
    await new Promise((done) => setTimeout(done, 50));
    inside -= 1;
  };
  await Promise.all([1, 2, 3].map(async () => await withFolderLock(path, options, work)));
  expect(most).toBe(1);
  expect(existsSync(path)).toBe(false);
});

test('a left-over lock is taken over', async () => {
  const path = join(folder, 'lock');
  mkdirSync(path);
  const longAgo = new Date(Date.now() - 120_000);
  utimesSync(path, longAgo, longAgo);
  expect(await withFolderLock(path, options, async () => await Promise.resolve('done'))).toBe('done');
});

test('after the longest wait the work is done without the lock, and the holder keeps it', async () => {
  const path = join(folder, 'lock');
  mkdirSync(path);
  let told = 0;
  const impatient = { ...options, waitMsMax: 300, onWait: () => void (told += 1) };
  expect(await withFolderLock(path, impatient, async () => await Promise.resolve('done'))).toBe('done');
  expect(told).toBe(1);
  expect(existsSync(path)).toBe(true);
});

test('work that fails lets go of the lock', async () => {
  const path = join(folder, 'lock');
  await expect(withFolderLock(path, options, async () => await Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(existsSync(path)).toBe(false);
});
