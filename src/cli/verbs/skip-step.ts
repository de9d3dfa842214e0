/** `understudy skip-step`: the present step ends its wait at once. */
import type { Command } from 'commander';
import { sendsOrder } from '../answers.js';
import { verb } from '../verb.js';

export function skipStepCommand(): Command {
  return sendsOrder(
    verb('skip-step', 'End the wait of the present step; its weights stay.'),
    'optional',
    async (control, service, who) => {
      const { skipStep } = await import('../../control/verbs.js');
      return await skipStep(control, service, who);
    },
  );
}
