/** `understudy status`: every service, its clusters, weights intended and in effect, the running move. */
import type { Command } from 'commander';
import { show } from '../output.js';
import { renderStatus } from '../render-status.js';
import { findTarget, withControl, withTarget, type TargetOptions } from '../target.js';
import { does, verb } from '../verb.js';

interface StatusOptions extends TargetOptions {
  readonly json?: boolean;
}

export function statusCommand(): Command {
  const command = verb('status', 'What is where, and why.').argument('[service]', 'this service only');
  return does<StatusOptions>(withTarget(command), async (options, service) => {
    const target = findTarget(options);
    const { readStatus, withProbeCosts } = await import('../../control/status.js');
    const only = service === undefined ? [] : [service];
    const view = await withControl(
      target,
      async (control) =>
        await withProbeCosts(control, await readStatus(control, target.gatewayAdmin, only), Date.now()),
    );
    show(view, options.json, (shown) => renderStatus(shown, Date.now()));
    return undefined;
  });
}
