import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { claimDataDir } from '../../../src/cli/dev/claim.js';
import { UsageError } from '../../../src/cli/exit.js';
import { openLogFile } from '../../../src/cli/dev/log-file.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-claim-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a directory is claimed once, and again after it was let go', async () => {
  const claim = await claimDataDir(join(folder, 'new'));
  expect(claim.leftOver).toBe(false);
  await expect(claimDataDir(join(folder, 'new'))).rejects.toMatchObject({
    code: 'data-dir-taken',
    message: expect.stringContaining(`process ${process.pid}`),
  });
  claim.release();
  expect((await claimDataDir(join(folder, 'new'))).leftOver).toBe(false);
});

test('the claim of a process that is gone is taken over, and said', async () => {
  const gone = spawnSync('true').pid;
  writeFileSync(join(folder, 'dev.pid'), `${gone}\n`);
  expect((await claimDataDir(folder)).leftOver).toBe(true);
});

test('the claim of a pid that belongs to something else by now is taken over', async () => {
  const stranger = spawn('sleep', ['60'], { stdio: 'ignore' });
  await new Promise((spawned) => stranger.once('spawn', spawned));
  writeFileSync(join(folder, 'dev.pid'), `${stranger.pid}\n`);
  expect((await claimDataDir(folder)).leftOver).toBe(true);
  stranger.kill('SIGKILL');
});

test('a directory that cannot be made is bad input', async () => {
  await expect(claimDataDir('/dev/null/here')).rejects.toThrow(UsageError);
});

test('a log keeps one generation beside it and never grows without bound', () => {
  const path = join(folder, 'logs', 'gateway.log');
  const log = openLogFile(path);
  const line = 'x'.repeat(1024 * 1024);
  for (let i = 0; i < 12; i += 1) log.write(line);
  log.close();
  expect(existsSync(`${path}.1`)).toBe(true);
  expect(readFileSync(path).length).toBeLessThan(3 * 1024 * 1024);
});
