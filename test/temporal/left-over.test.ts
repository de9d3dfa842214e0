import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { endLeftOver } from '../../src/temporal/left-over.js';
import { isAlive } from '../../src/temporal/running.js';

const folder = mkdtempSync(join(tmpdir(), 'understudy-left-over-'));
const pidFile = join(folder, 'temporal.pid');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a stranger that has the pid by now is left alone', async () => {
  const stranger = spawn('sleep', ['60'], { stdio: 'ignore' });
  await new Promise((spawned) => stranger.once('spawn', spawned));
  writeFileSync(pidFile, `${stranger.pid}\n`);
  expect(await endLeftOver(pidFile, join(folder, 'temporal.db'))).toBeNull();
  expect(isAlive(stranger.pid ?? 0)).toBe(true);
  expect(existsSync(pidFile)).toBe(false);
  stranger.kill('SIGKILL');
});

test.each(['', 'nonsense', '-1', '0', '1'])('a pid file with "%s" names nobody', async (content) => {
  writeFileSync(pidFile, content);
  expect(await endLeftOver(pidFile, join(folder, 'temporal.db'))).toBeNull();
});
