/**
 * A lock that is a folder: `mkdir` succeeds for one caller only, on every file system and between users of one home.
 * Its holder touches it; one that nobody has touched for a while is left over and may be taken. Whoever relies on it
 * must still be right when two hold it (a machine can sleep): here it only saves doing long work twice.
 */
import { mkdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

export interface FolderLockOptions {
  /** Age of the last touch from which a lock counts as left over, ms. */
  readonly staleAfterMs: number;
  /** Longest wait for another holder, ms; then the work is done without the lock. */
  readonly waitMsMax: number;
  /** Told once when somebody else holds the lock. */
  readonly onWait: () => void;
}

const POLL_MS = 200;

/** Runs `work` while holding the lock at `path`; its parent folder must exist. Errors of `work` pass through. */
export async function withFolderLock<T>(path: string, options: FolderLockOptions, work: () => Promise<T>): Promise<T> {
  const held = await acquire(path, options);
  if (!held) return await work();
  const touching = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined); // gone: it was taken from us, which is allowed
  }, options.staleAfterMs / 4);
  touching.unref();
  try {
    return await work();
  } finally {
    clearInterval(touching);
    await rm(path, { recursive: true, force: true });
  }
}

async function acquire(path: string, { staleAfterMs, waitMsMax, onWait }: FolderLockOptions): Promise<boolean> {
  const deadline = Date.now() + waitMsMax;
  let told = false;
  while (Date.now() < deadline) {
    if (await made(path)) return true;
    if (await isStale(path, staleAfterMs)) {
      await setAside(path);
      continue;
    }
    if (!told) onWait();
    told = true;
    await sleep(POLL_MS);
  }
  return false;
}

async function made(path: string): Promise<boolean> {
  try {
    await mkdir(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function isStale(path: string, staleAfterMs: number): Promise<boolean> {
  try {
    return Date.now() - (await stat(path)).mtimeMs > staleAfterMs;
  } catch {
    return false; // released meanwhile: the next `mkdir` decides
  }
}

/** By rename, so that of several that find the same left-over one wins and nobody deletes a fresh lock half-way. */
async function setAside(path: string): Promise<void> {
  const aside = `${path}.${process.pid}.${Date.now()}`;
  try {
    await rename(path, aside);
    await rm(aside, { recursive: true, force: true });
  } catch {
    // Another one was quicker.
  }
}
