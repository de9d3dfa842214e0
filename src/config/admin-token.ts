/**
 * The token of a gateway's admin API that nobody chose: made at the first start, kept in the data directory for its user
 * alone, and found there by verbs and workers of the same machine.
 */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '../domain/errors.js';
import { claimFolder, FILE_MODE, readOwnFile } from './own-files.js';

const TOKEN = /^[\w-]{16,512}$/;

export const adminTokenFile = (dir: string): string => join(dir, 'gateway-admin-token');

/** @throws CodedError `foreign-file`, `bad-config` when the file holds no token; system errors of writing */
export function ownAdminToken(dir: string): string {
  claimFolder(dir);
  const known = readAdminToken(dir);
  if (known !== null) return known;
  const token = randomBytes(24).toString('base64url');
  writeFileSync(adminTokenFile(dir), `${token}\n`, { mode: FILE_MODE, flag: 'wx' });
  return token;
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
