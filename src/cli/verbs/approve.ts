/** `understudy approve`: yes to the open question of the move, else of the guard. */
import type { Command } from 'commander';
import { sendsOrder } from '../answers.js';
import { verb } from '../verb.js';

export function approveCommand(): Command {
  return sendsOrder(
    verb('approve', 'Say yes to the open question of a service.'),
    'optional',
    async (control, service, who) => {
      const { approve } = await import('../../control/verbs.js');
      return await approve(control, service, who);
    },
  );
}
