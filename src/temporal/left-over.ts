/**
 * A server of an earlier run that nobody ended (its parent was killed, and the watchdog with it) still holds the SQLite
 * file. It is recognised by pid *and* command line, so that a reused pid never costs a stranger's life.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { FILE_MODE } from '../config/own-files.js';
import { commandOf, isAlive } from './running.js';

const END_TIMEOUT_MS = 5_000;
const POLL_MS = 50;

/** Remembers the server of a data directory; forgotten again by `forgetServer`. */
export function rememberServer(pidFile: string, pid: number): void {
  writeFileSync(pidFile, `${pid}\n`, { mode: FILE_MODE });
}

/** Of a file that names another server by now nothing is forgotten: an end is sometimes heard of after the next start. */
export function forgetServer(pidFile: string, pid: number): void {
  if (readPid(pidFile) === pid) rmSync(pidFile, { force: true });
}

/** Ends a left-over server of this SQLite file. @returns its pid, or `null` when there was none. */
export async function endLeftOver(pidFile: string, databaseFile: string): Promise<number | null> {
  const pid = readPid(pidFile);
  if (pid === null) return null;
  if (!(await isServerOf(pid, databaseFile))) {
    forgetServer(pidFile, pid);
    return null;
  }
  process.kill(pid, 'SIGTERM');
  const deadline = Date.now() + END_TIMEOUT_MS;
  while (isAlive(pid)) {
    if (Date.now() > deadline) process.kill(pid, 'SIGKILL');
    await sleep(POLL_MS);
  }
  forgetServer(pidFile, pid);
  return pid;
}

function readPid(pidFile: string): number | null {
  try {
    const pid = Number(readFileSync(pidFile, 'utf8').trim());
    return Number.isSafeInteger(pid) && pid > 1 ? pid : null;
  } catch {
    return null;
  }
}

async function isServerOf(pid: number, databaseFile: string): Promise<boolean> {
  const command = await commandOf(pid);
  return command.includes('start-dev') && command.includes(databaseFile);
}
