/**
 * The data directory and its files name addresses that orders, keys and prompts go to, and hold tokens and histories:
 * they are made for their owner alone, and believed only where nobody else could have written them. The umask of the
 * command line (cli/main.ts) makes every other file so from the start, those of Temporal too.
 */
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  statSync,
  type Stats,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { CodedError } from '../domain/errors.js';

export const FOLDER_MODE = 0o700;
export const FILE_MODE = 0o600;
/** A route table of thousands of services has some MiB. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;
const BY_OTHERS = 0o077;
const WRITTEN_BY_OTHERS = 0o022;
const WRITTEN_BY_ANYBODY = 0o002;
const STICKY = 0o1000;
/** What we write into a data directory. */
const OUR_FILES = /^(?:instance\.json|gateway-|temporal\.|dev\.pid|simulated\.yaml)/u;
/** What else may stand there: configurations and traces. */
const AMONG_OURS = /^logs$|\.(?:ya?ml|jsonl|gz)$/u;

/**
 * Makes the directory, or narrows one that is there, with our files in it. One that holds anything else is left as it is.
 * @throws CodedError `foreign-file` when somebody else can write there; system errors when it cannot be made
 */
export function claimFolder(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: FOLDER_MODE });
  const stats = statSync(dir);
  if (isMine(stats) && (stats.mode & BY_OTHERS) !== 0 && isOursAlone(dir, stats)) narrow(dir, FOLDER_MODE);
  requireBelievable(dir, statSync(dir));
  for (const folder of [dir, join(dir, 'logs')]) narrowFiles(folder, folder === dir ? OUR_FILES : /./u);
}

/**
 * Text of a file that names addresses.
 * @throws CodedError `foreign-file` when somebody else owns it or could have written it; system errors of reading
 */
export function readOwnFile(path: string): string {
  const file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)); // a pipe would be waited for
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw foreign(path, 'it is not a file');
    if (stats.size > FILE_BYTES_MAX) throw foreign(path, `it is larger than ${FILE_BYTES_MAX} bytes`);
    if (!isMine(stats)) throw foreign(path, `it belongs to user ${stats.uid}, and this is user ${process.getuid?.()}`);
    requireBelievable(path, stats);
    requireBelievable(dirname(path), statSync(dirname(path)));
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

/** What of a data directory others could read; `[]` when nothing. */
export function tooWide(dir: string): readonly string[] {
  const wide = (path: string): boolean => ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & BY_OTHERS) !== 0;
  return [
    dir,
    ...namesIn(dir)
      .filter((name) => OUR_FILES.test(name))
      .map((name) => join(dir, name)),
  ].filter(wide);
}

/** False for one that is not there. */
export const writtenByAnybody = (path: string): boolean =>
  ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & WRITTEN_BY_ANYBODY) !== 0;

// Where there are no users, as on Windows, everything is the user's own.
const isMine = ({ uid }: Stats): boolean => process.getuid === undefined || uid === process.getuid();

const isOursAlone = (dir: string, { mode }: Stats): boolean =>
  (mode & STICKY) === 0 && namesIn(dir).every((name) => OUR_FILES.test(name) || AMONG_OURS.test(name));

/** Of root's own folders (a volume of a container) it is root who says which group may write there. */
function requireBelievable(path: string, stats: Stats): void {
  const mine = isMine(stats);
  if (!mine && stats.uid !== 0)
    throw foreign(path, `it belongs to user ${stats.uid}, and this is user ${process.getuid?.()}`);
  if (process.getuid === undefined || (stats.mode & (mine ? WRITTEN_BY_OTHERS : WRITTEN_BY_ANYBODY)) === 0) return;
  throw foreign(path, `others can write to it (mode ${(stats.mode & 0o7777).toString(8)})`);
}

function narrowFiles(folder: string, names: RegExp): void {
  for (const name of namesIn(folder).filter((each) => names.test(each))) {
    const path = join(folder, name);
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats?.isFile() && isMine(stats) && (stats.mode & BY_OTHERS) !== 0) narrow(path, FILE_MODE);
  }
}

/** On a read-only file system nobody can change it, nor write to it; `doctor` names what others can read. */
function narrow(path: string, mode: number): void {
  try {
    chmodSync(path, mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EROFS') throw error;
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function foreign(path: string, why: string): CodedError {
  return new CodedError('foreign-file', `${path} is not believed: ${why}. Nothing was asked or sent`);
}
