/** `understudy resume`: a paused move goes on. */
import type { Command } from 'commander';
import { sendsOrder } from '../answers.js';
import { verb } from '../verb.js';

export function resumeCommand(): Command {
  return sendsOrder(verb('resume', 'Let a paused move go on.'), 'optional', async (control, service, who) => {
    const { resume } = await import('../../control/verbs.js');
    return await resume(control, service, who);
  });
}
