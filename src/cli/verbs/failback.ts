/** `understudy failback`: home again. */
import type { Command } from 'commander';
import { ordersMove } from '../move-orders.js';
import { verb } from '../verb.js';

export function failbackCommand(): Command {
  const command = verb('failback', 'Bring a service back to where it belongs, without waiting for the soak.');
  return ordersMove(command, 'optional', async () => (await import('../../control/verbs.js')).failback);
}
