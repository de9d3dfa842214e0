/** `understudy`: finds the verb, loads its file only, and lets it run. */
import { Command, CommanderError } from 'commander';
import { EXIT, toldError, UsageError } from './exit.js';
import { tellError } from './output.js';
import { VERB_FILES } from './verb-files.js';
import { version } from './version.js';

/** The whole program; only the verb in `argv` is loaded, the others are listed. */
export async function buildProgram(argv: readonly string[]): Promise<Command> {
  const program = quiet(
    new Command('understudy')
      .description('Durable failover for LLM serving: watches clusters, moves traffic, brings it home.')
      .version(version(), '-V, --version')
      .showHelpAfterError(false)
      .helpCommand(false),
  );
  const asked = argv.find((word) => !word.startsWith('-'));
  for (const [name, { summary, group, load }] of Object.entries(VERB_FILES)) {
    program.addCommand(
      quiet((name === asked ? await load() : new Command(name).description(summary)).helpGroup(group)),
    );
  }
  return program;
}

/** Errors of the command line come to us as exceptions, with nothing printed; sub-commands too. */
function quiet(command: Command): Command {
  command.exitOverride().configureOutput({ writeErr: () => undefined });
  command.commands.forEach(quiet);
  return command;
}

async function run(argv: readonly string[]): Promise<void> {
  const json = argv.includes('--json');
  try {
    const program = await buildProgram(argv);
    if (argv.length === 0) program.outputHelp();
    else await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return;
    const told = toldError(error instanceof CommanderError ? usageError(error, argv) : error);
    tellError(told, json);
    process.exitCode = told.exit;
  }
}

function usageError(error: CommanderError, argv: readonly string[]): UsageError {
  const asked = argv.find((word) => !word.startsWith('-'));
  const verb = asked !== undefined && Object.hasOwn(VERB_FILES, asked) ? ` ${asked}` : '';
  const message =
    error.code === 'commander.help'
      ? `the verb${verb === '' ? '' : ` \`${asked}\``} needs another word after it`
      : error.message.replace(/^error: /, '').replace(/\n/g, ' ');
  return new UsageError(message, `\`understudy${verb} --help\` lists what there is`);
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader of a pipe has gone (`| head`): nothing is left to be told.
  process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.notDone);
});
// Whatever this program and its children write is its user's alone from the first moment.
process.umask(0o077);
await run(process.argv.slice(2));
