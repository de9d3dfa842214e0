/** What the system knows of a process by its pid. A pid alone proves nothing: it may be somebody else's by now. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** Whether a process of this pid runs (also one that we may not signal). */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Ended, but its parent has not asked how: in a container whose first process never asks, that lasts for ever, and
 * whoever waits for its end would too. Where there is no `/proc` nobody can tell.
 */
function isZombie(pid: number): boolean {
  try {
    // `pid (name) state …`; the name may hold anything, brackets too.
    return /\) Z \d+ [^)]*$/u.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** Its command line; empty when it is gone or not ours to look at. `/proc` first: small images have no `ps`. */
export async function commandOf(pid: number): Promise<string> {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').filter(Boolean).join(' ');
  } catch {
    const { stdout } = await promisify(execFile)('ps', ['-ww', '-o', 'args=', '-p', String(pid)]).catch(() => ({
      stdout: '',
    }));
    return stdout.trim();
  }
}
