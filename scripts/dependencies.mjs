/** Installs what package-lock.json names, when it is not there yet. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError, say, secondsSince } from './say.mjs';

/** @param {string} root */
export function installDependencies(root) {
  const stamp = join(root, 'node_modules', '.understudy-stamp');
  const wanted = fingerprint(root);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  if (!isInstalled(root)) runNpm(root);
  writeFileSync(stamp, wanted);
}

/** The lock file, and the Node and platform that native packages are installed for. */
function fingerprint(root) {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  return `${lock} node-${process.versions.modules} ${process.platform}-${process.arch}\n`;
}

/** Whether `npm ci` or `npm install` by hand has already put in place exactly what the lock file names. */
function isInstalled(root) {
  const installed = packagesOf(join(root, 'node_modules', '.package-lock.json'));
  if (installed === null) return false;
  const locked = packagesOf(join(root, 'package-lock.json')) ?? {};
  return Object.entries(locked).every(([path, { version, optional }]) => {
    if (path === '') return true;
    const here = installed[path];
    return here === undefined ? optional === true : here.version === version;
  });
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return null;
  }
}

function runNpm(root) {
  const startedAt = Date.now();
  say('installing dependencies (npm ci)');
  // Under npm its own script is run by this very Node; otherwise `npm` of the PATH.
  const npm = process.env.npm_execpath;
  const [command, first] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  const args = [...first, 'ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) {
    throw new SetupError(
      `\`npm ci\` failed (${error?.message ?? `exit ${status}`}); its reason stands above. Is the npm registry within reach?`,
    );
  }
  say(`dependencies are installed (${secondsSince(startedAt)})`);
}
