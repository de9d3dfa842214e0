/** `understudy keys`: keys for callers of the gateway. A key is shown once and kept nowhere; the file gets its hash. */
import { createHash, randomBytes } from 'node:crypto';
import { InvalidArgumentError, type Command } from 'commander';
import { NAME_PATTERN } from '../../domain/words.js';
import { printJson, say } from '../output.js';
import { does, verb } from '../verb.js';

/** As many random bits as the hash has: nobody can find a key by trying. */
const RANDOM_BYTES = 32;
/** Clients and scanners for secrets know keys by this beginning. */
const PREFIX = 'sk-understudy-';

export function keysCommand(): Command {
  return verb('keys', 'Make keys for callers of the gateway.').addCommand(newCommand());
}

function newCommand(): Command {
  const command = verb('new', 'Print a fresh key, once, and the line for the configuration file.').argument(
    '<name>',
    'whose key it is; stands in logs',
    nameOfCaller,
  );
  return does<{ readonly json?: boolean }>(command, async ({ json }, name = '') => {
    const key = PREFIX + randomBytes(RANDOM_BYTES).toString('base64url');
    const sha256 = createHash('sha256').update(key).digest('hex');
    const line = `- { name: ${name}, sha256: ${sha256} }`;
    if (json === true) printJson({ name, key, sha256, line });
    else
      say(
        `${key}\n\nGive it to ${name}; it is not kept anywhere. Under gateway.keys of the configuration:\n\n    ${line}`,
      );
    return await Promise.resolve(undefined);
  });
}

function nameOfCaller(text: string): string {
  if (NAME_PATTERN.test(text)) return text;
  throw new InvalidArgumentError('use 1 to 63 lower-case letters, digits and hyphens');
}
