/** Makes `npx understudy` work in the clone at once: npm links the bins of dependencies only, not of the package itself. */
import { lstatSync, mkdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const TARGET = '../../bin/understudy.js';

/** @param {string} root */
export function linkBin(root) {
  const folder = join(root, 'node_modules', '.bin');
  const link = join(folder, 'understudy');
  if (targetOf(link) === TARGET) return;
  mkdirSync(folder, { recursive: true });
  rmSync(link, { force: true });
  if (process.platform === 'win32') writeFileSync(`${link}.cmd`, `@node "%~dp0\\..\\..\\bin\\understudy.js" %*\r\n`);
  else symlinkSync(TARGET, link);
}

function targetOf(link) {
  try {
    return lstatSync(link).isSymbolicLink() ? readlinkSync(link) : null;
  } catch {
    return null;
  }
}
