/** `understudy sim …`: simulated clusters, their faults, and load with known right answers. */
import type { Command } from 'commander';
import { clusterVerb } from './sim/cluster.js';
import { clearVerb, faultsVerb, faultVerb } from './sim/faults.js';
import { loadVerb } from './sim/load.js';
import { verb } from './verb.js';

export function simCommand(): Command {
  const sim = verb('sim', 'Simulated clusters: run one, break it, mend it, send it load.');
  for (const each of [faultVerb(), clearVerb(), faultsVerb(), loadVerb(), clusterVerb()]) sim.addCommand(each);
  return sim;
}
