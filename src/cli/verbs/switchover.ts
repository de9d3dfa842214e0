/** `understudy switchover`: both sides are well, a person wants the traffic elsewhere. */
import type { Command } from 'commander';
import { ordersMove } from '../move-orders.js';
import { verb } from '../verb.js';

export function switchoverCommand(): Command {
  const command = verb('switchover', 'Move a healthy service to another cluster, step by step and verified.')
    .requiredOption('--to <cluster>', 'the cluster that takes over')
    .option('--from <cluster>', 'the cluster to leave (default: all others that carry traffic)');
  return ordersMove(command, 'required', async () => (await import('../../control/verbs.js')).switchover);
}
