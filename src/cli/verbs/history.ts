/** `understudy history`: the moves of a service, newest first, each as a story with times. */
import { InvalidArgumentError, type Command } from 'commander';
import { show } from '../output.js';
import { renderHistory } from '../render-history.js';
import { findTarget, withControl, withTarget, type TargetOptions } from '../target.js';
import { does, verb } from '../verb.js';

interface HistoryOptions extends TargetOptions {
  readonly json?: boolean;
  readonly last?: number;
}

export function historyCommand(): Command {
  const command = verb(
    'history',
    'The moves of a service, newest first, as a story with times; and who changed where its prompts go.',
  )
    .argument('<service>', 'the service')
    .option('--last <n>', 'only the newest n moves', atLeastOne);
  return does<HistoryOptions>(withTarget(command), async (options, service = '') => {
    const target = findTarget(options);
    const { readHistory, readRedirections } = await import('../../control/history.js');
    const [all, redirections] = await withControl(
      target,
      async (control) => await Promise.all([readHistory(control, service), readRedirections(control, service)]),
    );
    const moves = options.last === undefined ? all : all.slice(0, options.last);
    show({ moves, redirections }, options.json, (shown) => renderHistory(service, shown.moves, shown.redirections));
    return undefined;
  });
}

function atLeastOne(text: string): number {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 1) throw new InvalidArgumentError('write a whole number, 1 or more');
  return n;
}
