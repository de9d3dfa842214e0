/** `understudy pause`: the running move waits where it is. */
import type { Command } from 'commander';
import { sendsOrder } from '../answers.js';
import { verb } from '../verb.js';

export function pauseCommand(): Command {
  return sendsOrder(verb('pause', 'Hold the running move where it is.'), 'optional', async (control, service, who) => {
    const { pause } = await import('../../control/verbs.js');
    return await pause(control, service, who);
  });
}
