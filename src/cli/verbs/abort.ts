/** `understudy abort`: ends the running move; the traffic ramps back. */
import type { Command } from 'commander';
import { sendsOrder } from '../answers.js';
import { verb } from '../verb.js';

export function abortCommand(): Command {
  return sendsOrder(
    verb('abort', 'End the running move and ramp the traffic back.'),
    'optional',
    async (control, service, who) => {
      const { abort } = await import('../../control/verbs.js');
      return await abort(control, service, who);
    },
  );
}
