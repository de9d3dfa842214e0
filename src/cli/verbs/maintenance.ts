/** `understudy maintenance`: somebody works on a cluster; automation neither uses it nor acts on it. */
import type { Command } from 'commander';
import { parseDuration } from '../../config/duration.js';
import { type AnswerOptions, sendsOrder } from '../answers.js';
import { UsageError } from '../exit.js';
import { verb } from '../verb.js';

interface MaintenanceOptions extends AnswerOptions {
  readonly cluster: string;
  readonly for?: string;
  readonly end?: boolean;
}

export function maintenanceCommand(): Command {
  const command = verb('maintenance', 'Take a cluster out of every automatic decision for a while.')
    .requiredOption('--cluster <cluster>', 'the cluster that is worked on')
    .option('--for <duration>', 'how long, such as 30m or 4h; it ends by itself')
    .option('--end', 'it is over');
  return sendsOrder<MaintenanceOptions>(command, 'required', async (control, service, who, options) => {
    const forMs = durationOf(options);
    const { maintenance } = await import('../../control/verbs.js');
    return await maintenance(control, service, { ...who, cluster: options.cluster, forMs });
  });
}

/** ms; 0 ends it. */
function durationOf({ for: text, end }: MaintenanceOptions): number {
  if ((text === undefined) === (end !== true)) throw new UsageError('write either --for <duration> or --end');
  if (text === undefined) return 0;
  const forMs = parseDuration(text);
  if (forMs === null || forMs === 0)
    throw new UsageError(`--for ${text}: write a number with a unit, such as 30m or 4h`);
  return forMs;
}
