/**
 * A file of conversations that was cut short or overwritten: LMDB maps it into memory, and reading what is not there ends
 * the process (SIGBUS, SIGSEGV), which no boundary catches. Looked at once, before it is opened; such a file is set aside.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync, renameSync, statSync, truncateSync } from 'node:fs';

/** Of LMDB's meta pages (mdb.c, `MDB_meta`): the first two pages; the newest that is whole counts. */
const META = { magicAt: 24, versionAt: 28, pageSizeAt: 48, lastPageAt: 144, transactionAt: 152, bytes: 160 } as const;
const MAGIC = 0xbeefc0de;
const VERSION = 2;
const PAGE_BYTES_MAX = 65_536;
const READ_THROUGH_MS_MAX = 10_000;

/** What became of a damaged file; `movedTo` is `null` where its directory refused and it was emptied instead. */
export interface SetAside {
  readonly movedTo: string | null;
}

/** `null`: there is no file, it is whole, or it is nothing that LMDB opens at all: its store will say so. */
export function setDamagedAside(path: string, nowMs: number): SetAside | null {
  if (!isDamaged(path)) return null;
  const movedTo = `${path}.damaged-${nowMs}`;
  if (succeeds(() => renameSync(path, movedTo))) return { movedTo };
  // Where this fails too, LMDB cannot write either: it refuses to open it.
  return succeeds(() => truncateSync(path)) ? { movedTo: null } : null;
}

function succeeds(change: () => void): boolean {
  try {
    change();
    return true;
  } catch {
    return false;
  }
}

function isDamaged(path: string): boolean {
  let file: number;
  try {
    if (!statSync(path).isFile()) return false; // opening a pipe would wait for its other end
    file = openSync(path, 'r');
  } catch {
    return false;
  }
  try {
    const { size } = fstatSync(file);
    if (size === 0) return false;
    const needed = bytesNeeded(file);
    // The last pages of a whole file may never have been written: whether they are needed shows when it is read.
    return needed === null || (size < needed && !canBeRead(path));
  } finally {
    closeSync(file);
  }
}

/** `null`: no page says how long it is. */
function bytesNeeded(file: number): number | null {
  const first = metaAt(file, 0);
  const pageBytes = first?.pageBytes ?? 4_096;
  const metas = [first, metaAt(file, pageBytes)].filter((meta) => meta !== null);
  const newest = metas.sort((a, b) => (a.transaction < b.transaction ? 1 : -1))[0];
  return newest === undefined ? null : (newest.lastPage + 1) * newest.pageBytes;
}

interface Meta {
  readonly pageBytes: number;
  readonly lastPage: number;
  readonly transaction: bigint;
}

function metaAt(file: number, at: number): Meta | null {
  const page = Buffer.alloc(META.bytes);
  if (readSync(file, page, 0, page.length, at) < page.length) return null;
  if (page.readUInt32LE(META.magicAt) !== MAGIC || page.readUInt32LE(META.versionAt) !== VERSION) return null;
  const pageBytes = page.readUInt32LE(META.pageSizeAt);
  if (pageBytes < 512 || pageBytes > PAGE_BYTES_MAX) return null;
  const lastPage = Number(page.readBigUInt64LE(META.lastPageAt));
  return { pageBytes, lastPage, transaction: page.readBigUInt64LE(META.transactionAt) };
}

/** Another process reads all of it, and may end by that. */
function canBeRead(path: string): boolean {
  const script = `
    const { open } = await import(process.argv[1]);
    const root = open({ path: process.argv[2], readOnly: true, maxDbs: 4 });
    for (const name of ['texts', 'expiries', 'owned', 'shares']) for (const _ of root.openDB({ name }).getRange({})) ;
  `;
  const args = ['--input-type=module', '-e', script, import.meta.resolve('lmdb'), path];
  return spawnSync(process.execPath, args, { stdio: 'ignore', timeout: READ_THROUGH_MS_MAX }).status === 0;
}
