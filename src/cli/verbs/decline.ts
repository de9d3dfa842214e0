/** `understudy decline`: no to the open question of the move, else of the guard. */
import type { Command } from 'commander';
import { sendsOrder } from '../answers.js';
import { verb } from '../verb.js';

export function declineCommand(): Command {
  return sendsOrder(
    verb('decline', 'Say no to the open question of a service.'),
    'optional',
    async (control, service, who) => {
      const { decline } = await import('../../control/verbs.js');
      return await decline(control, service, who);
    },
  );
}
