/** `understudy config`: looks at a configuration file without any running part. */
import type { Command } from 'commander';
import { printable } from '../../domain/printable.js';
import { printJson, say } from '../output.js';
import { does, verb } from '../verb.js';

interface CheckOptions {
  readonly file: string;
  readonly json?: boolean;
}

export function configCommand(): Command {
  return verb('config', 'Check a configuration file, print its schema.')
    .addCommand(checkCommand())
    .addCommand(schemaCommand());
}

function checkCommand(): Command {
  const command = verb('check', 'Say what is wrong with a file, or that nothing is.').requiredOption(
    '-f, --file <file>',
    'the configuration file',
  );
  return does<CheckOptions>(command, async ({ file, json }) => {
    const { loadFleet } = await import('../../config/load.js');
    const fleet = loadFleet(file);
    if (json === true) printJson(fleet);
    else
      say(`${printable(file)} is valid: ${counted(fleet.services, 'service')}, ${counted(fleet.clusters, 'cluster')}`);
    return undefined;
  });
}

function schemaCommand(): Command {
  return does(verb('schema', 'Print the JSON schema of the file, for editors.'), async () => {
    const { publishedSchema } = await import('../../config/json-schema.js');
    say(JSON.stringify(publishedSchema(), null, 2));
    return undefined;
  });
}

function counted(table: object, word: string): string {
  const n = Object.keys(table).length;
  return `${n} ${word}${n === 1 ? '' : 's'}`;
}
