/** A Python with the official client, made once and kept in Understudy's cache folder. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withFolderLock } from '../../src/temporal/folder-lock.js';
import { cacheFolder } from '../../src/temporal/find-binary.js';

/** The client and all that it needs, each at one version. */
const CONSTRAINTS = join(import.meta.dirname, 'constraints.txt');
/** Ten seconds on a free machine with a near registry. */
const MAKE_MS_MAX = 180_000;

const run = promisify(execFile);

/** The Python to start. @throws Error when there is none or the client cannot be fetched */
export async function pythonWithClient(): Promise<string> {
  const folder = join(cacheFolder(process.env), 'python-clients');
  await mkdir(folder, { recursive: true });
  // Other versions get a folder of their own.
  const hash = createHash('sha256').update(readFileSync(CONSTRAINTS)).digest('hex').slice(0, 12);
  const venv = join(folder, `openai-${hash}`);
  const lock = { staleAfterMs: 20_000, waitMsMax: MAKE_MS_MAX, onWait: () => undefined };
  await withFolderLock(`${venv}.lock`, lock, async () => await makeOnce(venv));
  return join(venv, 'bin', 'python');
}

/** The mark is written last: a folder without it is left over from a run that was ended half-way. */
async function makeOnce(venv: string): Promise<void> {
  const mark = join(venv, 'complete');
  if (existsSync(mark)) return;
  const limit = { timeout: MAKE_MS_MAX };
  await rm(venv, { recursive: true, force: true });
  await run('python3', ['-m', 'venv', venv], limit);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
  await run(join(venv, 'bin', 'python'), [...pip, '--constraint', CONSTRAINTS, 'openai'], limit);
  await writeFile(mark, '');
}
