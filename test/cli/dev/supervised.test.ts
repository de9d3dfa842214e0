import { spawn } from 'node:child_process';
import { expect, test, vi } from 'vitest';
import { nextWait } from '../../../src/domain/back-off.js';
import { supervise, type Life } from '../../../src/cli/dev/supervised.js';
import { isAlive } from '../../../src/temporal/running.js';

/** A real process that lives until it is ended. */
async function sleeper(command = 'sleep 60'): Promise<Life> {
  const child = spawn('sh', ['-c', `exec ${command}`], { stdio: 'ignore' });
  await new Promise((spawned) => child.once('spawn', spawned));
  const ended = new Promise<string>((done) =>
    child.once('exit', (code, signal) => done(signal ? `was ended by ${signal}` : `ended with exit ${code}`)),
  );
  return {
    pid: child.pid ?? 0,
    ready: Promise.resolve(),
    ended,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
    kill: () => void child.kill('SIGKILL'),
  };
}

const quiet = { name: 'sleeper', onEvent: () => undefined, onStart: () => undefined };

test('one that is killed is started again, and both are told', async () => {
  const events: string[] = [];
  const child = supervise({ ...quiet, start: sleeper, onEvent: (text) => events.push(text) });
  await child.ready;
  const first = child.pid() ?? 0;
  process.kill(first, 'SIGKILL');
  await vi.waitUntil(() => child.state() === 'running' && child.pid() !== first, { timeout: 5_000 });
  expect(events).toEqual(['sleeper was ended by SIGKILL; starting it again in 250 ms', 'sleeper is back']);
  const second = child.pid() ?? 0;
  await child.stop(1_000);
  expect(isAlive(second)).toBe(false);
  expect(child.state()).toBe('stopped');
});

test('one that ends before it serves fails its start with its last words', async () => {
  const neverReady = async (): Promise<Life> => ({ ...(await sleeper('false')), ready: new Promise(() => undefined) });
  const child = supervise({ ...quiet, start: neverReady });
  await expect(child.ready).rejects.toMatchObject({
    code: 'start-failed',
    message: expect.stringContaining('ended with exit 1'),
  });
  await child.stop(1_000);
});

test('told to stop in the middle of its start, nothing is left running', async () => {
  let started: Life | null = null;
  const slowStart = async (): Promise<Life> => {
    await new Promise((done) => setTimeout(done, 100));
    started = await sleeper();
    return started;
  };
  const child = supervise({ ...quiet, start: slowStart });
  child.ready.catch(() => undefined);
  await child.stop(1_000);
  expect(started).not.toBeNull();
  await vi.waitUntil(() => !isAlive((started as unknown as Life).pid), { timeout: 5_000 });
});

test('told to stop during the wait before a restart, it does not come back', async () => {
  let starts = 0;
  const counted = async (): Promise<Life> => {
    starts += 1;
    return await sleeper();
  };
  const child = supervise({ ...quiet, start: counted });
  await child.ready;
  process.kill(child.pid() ?? 0, 'SIGKILL');
  await vi.waitUntil(() => child.state() === 'restarting', { timeout: 5_000 });
  await child.stop(1_000);
  expect(starts).toBe(1);
});

test('told to stop in the middle of a restart, nothing is left running', async () => {
  const lives: Life[] = [];
  const slowAgain = async (): Promise<Life> => {
    if (lives.length > 0) await new Promise((done) => setTimeout(done, 300));
    const life = await sleeper();
    lives.push(life);
    return life;
  };
  let restarting = false;
  const child = supervise({ ...quiet, start: slowAgain, onEvent: () => (restarting = true) });
  await child.ready;
  process.kill(child.pid() ?? 0, 'SIGKILL');
  await vi.waitUntil(() => restarting, { timeout: 5_000 });
  await new Promise((done) => setTimeout(done, 350)); // the wait of 250 ms is over, the start of 300 ms is not
  await child.stop(1_000);
  expect(lives).toHaveLength(2);
  expect(lives.every(({ pid }) => !isAlive(pid))).toBe(true);
});

test('waits double up to ten seconds, and begin anew after half a minute of service', () => {
  const waits: number[] = [];
  for (let [row, i] = [0, 0]; i < 8; i += 1) {
    const next = nextWait(row, 100);
    waits.push(next.waitMs);
    row = next.row;
  }
  expect(waits).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  expect(nextWait(7, 30_000)).toEqual({ waitMs: 250, row: 1 });
});
