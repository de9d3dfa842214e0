/** What `switchover`, `failover` and `failback` share: order, then follow to the end if asked. */
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import type { Control } from '../control/control.js';
import type { Accepted, MoveWish } from '../control/verbs.js';
import { attributionOf, withAttribution, type AttributionOptions } from './attribution.js';
import { EXIT } from './exit.js';
import { followMove } from './follow.js';
import { onTerminal, say, show } from './output.js';
import { findTarget, withControl, withTarget, type TargetOptions } from './target.js';
import { does } from './verb.js';

export interface MoveOptions extends TargetOptions, AttributionOptions {
  readonly to?: string;
  readonly from?: string;
  readonly wait?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

type Order = (control: Control, service: string, wish: MoveWish) => Promise<Accepted>;

/** Completes a command that orders a move; `load` brings the control verb only when it runs. */
export function ordersMove(command: Command, reason: 'required' | 'optional', load: () => Promise<Order>): Command {
  withAttribution(command.argument('<service>', 'the service to move'), reason)
    .option('--wait', 'follow the move to its end; the exit code says how it ended')
    .option('--yes', 'do not ask when the target is not well');
  return does<MoveOptions>(withTarget(command), async (options, service = '') => {
    const { to, from } = options;
    const wish: MoveWish = {
      ...attributionOf(options),
      ...(to === undefined ? {} : { to }),
      ...(from === undefined ? {} : { from }),
    };
    const order = await load();
    return await withControl(findTarget(options), async (control) => {
      if (!(await confirmed(control, service, options))) return EXIT.refused;
      const accepted = await order(control, service, wish);
      return options.wait === true ? await followMove(control, accepted, options) : tellAccepted(accepted, options);
    });
  });
}

function tellAccepted(accepted: Accepted, { json }: { readonly json?: boolean }): number {
  show(accepted, json, ({ message, id }) => `${message} (${id})`);
  return EXIT.done;
}

/** A person at a terminal is asked before traffic goes to a cluster that is not known to be well; a script is not. */
async function confirmed(control: Control, service: string, { to, yes, json }: MoveOptions): Promise<boolean> {
  if (to === undefined || yes === true || json === true || !onTerminal() || !process.stdin.isTTY) return true;
  const { readGuard } = await import('../control/guards.js');
  const target = (await readGuard(control, service)).clusters.find((c) => c.name === to);
  if (target === undefined || target.verdict === 'healthy') return true;
  const ask = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await ask.question(`${to} is ${target.verdict}, not healthy. Try it all the same? [y/N] `);
    if (/^y(es)?$/i.test(answer.trim())) return true;
    say('nothing was ordered');
    return false;
  } finally {
    ask.close();
  }
}
