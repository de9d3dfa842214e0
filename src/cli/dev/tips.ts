/** Three things to try, as lines that can be copied. Pure. */
import { relative } from 'node:path';
import { DATA_DIR_DEFAULT } from '../../config/instance.js';
import { SIMULATED_CLUSTERS, SIMULATED_SERVICE } from './simulated-fleet.js';

/** @param services names, in the file's order; only the simulated fleet has faults to order */
export function tipsFor(order: {
  readonly simulated: boolean;
  readonly services: readonly string[];
  readonly dataDir: string;
  readonly cwd: string;
}): readonly string[] {
  const where = relative(order.cwd, order.dataDir);
  const option = where === DATA_DIR_DEFAULT ? '' : ` --data-dir ${where === '' ? '.' : where}`;
  const [primary, standby] = SIMULATED_CLUSTERS.map(({ name }) => name);
  if (order.simulated) {
    return [
      `npx understudy sim fault ${primary} crash${option}`,
      `npx understudy sim clear ${primary}${option}   # then: npx understudy approve ${SIMULATED_SERVICE}${option}`,
      `npx understudy switchover ${SIMULATED_SERVICE} --to ${standby} --reason "kernel upgrade" --wait${option}`,
    ];
  }
  const service = order.services[0] ?? '<service>';
  return [
    `npx understudy status${option}`,
    `npx understudy plan ${service}${option}`,
    `npx understudy doctor${option}`,
  ];
}
