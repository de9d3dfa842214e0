/** `understudy failover`: something is broken, and a person does not wait for the automation. */
import type { Command } from 'commander';
import { ordersMove } from '../move-orders.js';
import { verb } from '../verb.js';

export function failoverCommand(): Command {
  const command = verb('failover', 'Move a service away from a broken cluster, by the emergency ramp.')
    .option('--to <cluster>', 'the cluster that takes over (default: the best one that is well)')
    .option('--from <cluster>', 'the cluster to leave (default: those that are failing)');
  return ordersMove(command, 'optional', async () => (await import('../../control/verbs.js')).failover);
}
