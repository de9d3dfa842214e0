/** `understudy freeze`: automation only observes and alerts, for a stated time and reason. */
import type { Command } from 'commander';
import { parseDuration } from '../../config/duration.js';
import { type AnswerOptions, sendsOrder } from '../answers.js';
import { UsageError } from '../exit.js';
import { verb } from '../verb.js';

interface FreezeOptions extends AnswerOptions {
  readonly for: string;
}

export function freezeCommand(): Command {
  const command = verb(
    'freeze',
    'Stop automation on a service for a while; it still observes and alerts.',
  ).requiredOption('--for <duration>', 'how long, such as 30m or 4h; it ends by itself');
  return sendsOrder<FreezeOptions>(command, 'required', async (control, service, who, options) => {
    const forMs = parseDuration(options.for);
    if (forMs === null || forMs === 0)
      throw new UsageError(`--for ${options.for}: write a number with a unit, such as 30m or 4h`);
    const { freeze } = await import('../../control/verbs.js');
    return await freeze(control, service, { ...who, forMs });
  });
}
