/** `understudy sim …`: simulated clusters, their faults, and load with known right answers. */
import { Command } from 'commander';
import { addClusterVerb } from './sim/cluster.js';
import { addFaultVerbs } from './sim/faults.js';
import { addLoadVerb } from './sim/load.js';

export function simCommand(): Command {
  const sim = new Command('sim').description('simulated clusters: run one, break it, mend it, send it load');
  addFaultVerbs(sim);
  addLoadVerb(sim);
  addClusterVerb(sim);
  return sim;
}
