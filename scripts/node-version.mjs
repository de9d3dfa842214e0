import { SetupError } from './say.mjs';

const MIN = [20, 19];

/** @throws SetupError when this Node is too old for what we use. */
export function requireNode(version = process.versions.node) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > MIN[0] || (major === MIN[0] && minor >= MIN[1])) return;
  throw new SetupError(
    `Node ${MIN.join('.')} or newer is needed, this is ${version} (${process.execPath}).\n` +
      'Get one from https://nodejs.org, or with nvm: `nvm install` in this folder.',
  );
}
