/** What the short orders share (`pause`, `approve`, `freeze`, …): ask one workflow, tell its answer. */
import type { Command } from 'commander';
import type { Control } from '../control/control.js';
import type { Accepted } from '../control/verbs.js';
import type { Attribution } from '../domain/words.js';
import { attributionOf, withAttribution, type AttributionOptions } from './attribution.js';
import { show } from './output.js';
import { findTarget, withControl, withTarget, type TargetOptions } from './target.js';
import { does } from './verb.js';

export interface AnswerOptions extends TargetOptions, AttributionOptions {
  readonly json?: boolean;
}

type Send<Options> = (control: Control, service: string, who: Attribution, options: Options) => Promise<Accepted>;

/** Completes a command of one service whose answer is a sentence. */
export function sendsOrder<Options extends AnswerOptions>(
  command: Command,
  reason: 'required' | 'optional',
  send: Send<Options>,
): Command {
  withAttribution(command.argument('<service>', 'the service'), reason);
  return does<Options>(withTarget(command), async (options, service = '') => {
    const who = attributionOf(options);
    const accepted = await withControl(
      findTarget(options),
      async (control) => await send(control, service, who, options),
    );
    show(accepted, options.json, ({ message }) => message);
    return undefined;
  });
}
