/** What all verbs share: `--json`, an exit code as the result, and errors that are told in one way. */
import { Command } from 'commander';
import { EXIT, toldError } from './exit.js';
import { tellError } from './output.js';

/** Carries out a verb; a number is the exit code, nothing is 0. */
export type Action<Options> = (options: Options, ...operands: string[]) => Promise<number | undefined>;

/** A verb's command, not yet carried out. */
export function verb(name: string, description: string): Command {
  return new Command(name).description(description);
}

/** Makes `action` what the command does. Operands come in the order in which they were declared. */
export function does<Options extends object>(command: Command, action: Action<Options>): Command {
  return command.option('--json', 'one JSON value instead of text').action(async (...given: unknown[]) => {
    const operands = given.slice(0, -2) as string[];
    const options = given.at(-2) as Options & { readonly json?: boolean };
    process.exitCode = await outcome(options.json === true, async () => await action(options, ...operands));
  });
}

/** Runs to an exit code; errors are told, never thrown. */
export async function outcome(json: boolean, run: () => Promise<number | undefined>): Promise<number> {
  try {
    return (await run()) ?? EXIT.done;
  } catch (error) {
    const told = toldError(error);
    tellError(told, json);
    return told.exit;
  }
}
