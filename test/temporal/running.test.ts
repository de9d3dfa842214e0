/** Which processes count as running. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { isAlive } from '../../src/temporal/running.js';
import { eventually } from '../kit/eventually.js';

test('this one does, and one that has ended and was asked how does not', async () => {
  expect(isAlive(process.pid)).toBe(true);
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  expect(isAlive(child.pid ?? 0)).toBe(false);
});

test.runIf(existsSync('/proc/self/stat'))('one that has ended and is never asked how does not either', async () => {
  // The shell starts a process, becomes another program, and that one asks nobody.
  const careless = spawn('sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 20'], { stdio: ['ignore', 'pipe', 'ignore'] });
  let said = '';
  careless.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await eventually(() => said.includes('\n'));
  expect(isAlive(Number(said))).toBe(true);
  await eventually(() => !isAlive(Number(said)));
  expect(() => process.kill(Number(said), 0)).not.toThrow();
  expect(isAlive(careless.pid ?? 0)).toBe(true);
  careless.kill('SIGKILL');
  await once(careless, 'exit');
});
