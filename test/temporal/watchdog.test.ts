import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { isAlive } from '../../src/temporal/running.js';
import { WATCHDOG_SCRIPT } from '../../src/temporal/watchdog.js';

/** A parent that starts a child and its watchdog as we do, prints their pids, and waits. */
const PARENT = `
import { spawn } from 'node:child_process';
const child = spawn('sleep', ['60'], { stdio: 'ignore', detached: true });
const dog = spawn('sh', ['-c', ${JSON.stringify(WATCHDOG_SCRIPT)}, 'dog', String(child.pid)], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
console.log(JSON.stringify({ child: child.pid, dog: dog.pid }));
setInterval(() => {}, 1000);
`;

test('a child whose parent is killed with -9 is ended, and the watchdog goes too', async () => {
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', PARENT], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: fileURLToPath(new URL('.', import.meta.url)),
  });
  const line = await new Promise<Buffer>((heard) => parent.stdout.once('data', heard));
  const { child, dog } = JSON.parse(line.toString()) as { child: number; dog: number };
  expect(isAlive(child)).toBe(true);
  parent.kill('SIGKILL');
  await vi.waitUntil(() => !isAlive(child) && !isAlive(dog), { timeout: 8_000 });
});
