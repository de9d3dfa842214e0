/** `understudy unfreeze`: automation acts again. */
import type { Command } from 'commander';
import { sendsOrder } from '../answers.js';
import { verb } from '../verb.js';

export function unfreezeCommand(): Command {
  return sendsOrder(
    verb('unfreeze', 'Let automation act again on a service.'),
    'optional',
    async (control, service, who) => {
      const { unfreeze } = await import('../../control/verbs.js');
      return await unfreeze(control, service, who);
    },
  );
}
