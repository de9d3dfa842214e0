/**
 * The token of a gateway's admin API that nobody chose: made at the first start, kept in the data directory for its user
 * alone, and found there by verbs and workers of the same machine.
 */
import { randomBytes } from 'node:crypto';
import { linkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../domain/describe-error.js';
import { CodedError } from '../domain/errors.js';
import { claimFolder, FILE_MODE, readOwnFile } from './own-files.js';

const TOKEN = /^[\w-]{16,512}$/;

export const adminTokenFile = (dir: string): string => join(dir, 'gateway-admin-token');

/** The one that an operator chose; empty is none. */
export function chosenAdminToken(env: NodeJS.ProcessEnv): string | null {
  const chosen = env['UNDERSTUDY_ADMIN_TOKEN'] ?? '';
  return chosen === '' ? null : chosen;
}

/** @throws CodedError `foreign-file`, `bad-config` when the file holds no token; system errors of writing */
export function ownAdminToken(dir: string): string {
  claimFolder(dir);
  const known = readAdminToken(dir);
  if (known !== null) return known;
  const made = `${adminTokenFile(dir)}.${process.pid}`;
  writeToken(made);
  try {
    linkSync(made, adminTokenFile(dir)); // whole or not at all, and never over that of another start
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    unlinkSync(made);
  }
  return readAdminToken(dir) ?? ownAdminToken(dir);
}

function writeToken(file: string): void {
  try {
    writeFileSync(file, `${randomBytes(24).toString('base64url')}\n`, { mode: FILE_MODE });
  } catch (error) {
    const why = `no token of the admin API could be written: ${messageOf(error)}`;
    const next = 'Next: free the disk, choose another --data-dir, or choose a token with UNDERSTUDY_ADMIN_TOKEN';
    throw new CodedError('start-failed', `${why}; nothing was started. ${next}`, { cause: error });
  }
}

/** `null`: there is none. @throws as `ownAdminToken` */
export function readAdminToken(dir: string): string | null {
  const file = adminTokenFile(dir);
  let text: string;
  try {
    text = readOwnFile(file).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  if (TOKEN.test(text)) return text;
  throw new CodedError('bad-config', `${file} holds no token. Next: delete it, and a start of the gateway makes one`);
}
