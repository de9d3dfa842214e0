/** One instance per data directory: two would share one SQLite file and one route table. */
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { claimFolder, FILE_MODE } from '../../config/own-files.js';
import { CodedError } from '../../domain/errors.js';
import { UsageError } from '../exit.js';
import { commandOf, isAlive } from '../../temporal/running.js';

/**
 * Claims the directory for this process; made when it is missing.
 * @returns whether an earlier instance ended without cleaning up, and how to let go
 * @throws CodedError `data-dir-taken` naming the process; UsageError when it cannot be written
 */
export async function claimDataDir(dir: string): Promise<{ readonly leftOver: boolean; release(): void }> {
  const file = join(dir, 'dev.pid');
  const release = (): void => rmSync(file, { force: true });
  try {
    claimFolder(dir);
    if (writePid(file)) return { leftOver: false, release };
    await requireEnded(file, dir);
    rmSync(file, { force: true });
    if (writePid(file)) return { leftOver: true, release };
  } catch (error) {
    if (error instanceof CodedError) throw error;
    const why = `the data directory ${dir} cannot be written: ${(error as Error).message}`;
    throw new UsageError(why, 'choose another one with `--data-dir`, or make it writable');
  }
  throw new CodedError('data-dir-taken', `${dir} was taken by another instance a moment ago`);
}

/** False when the file is there already. */
function writePid(file: string): boolean {
  try {
    const opened = openSync(file, 'wx', FILE_MODE);
    writeSync(opened, `${process.pid}\n`);
    closeSync(opened);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function requireEnded(file: string, dir: string): Promise<void> {
  const pid = Number(readFileSync(file, 'utf8').trim());
  if (!Number.isSafeInteger(pid) || pid <= 1 || !isAlive(pid)) return;
  const command = await commandOf(pid);
  // A pid that belongs to something else by now is no instance.
  if (command !== '' && !/understudy|node/.test(command)) return;
  throw new CodedError('data-dir-taken', `${dir} is in use by process ${pid}`);
}
