/** Three things to try, as lines that can be copied. Pure. */
import { resolve } from 'node:path';
import { DATA_DIR_DEFAULT } from '../../config/instance.js';
import { SIMULATED_CLUSTERS, SIMULATED_SERVICE } from './simulated-fleet.js';

/** Where the remarks begin: a terminal of 80 columns shows them whole. */
const REMARK_COLUMN = 38;

/**
 * @param order.services names, in the file's order; only the simulated fleet has faults to order
 * @param order.dataDir absolute path; another one than the default of `cwd` is named once, before the rest
 */
export function tipsFor(order: {
  readonly simulated: boolean;
  readonly services: readonly string[];
  readonly dataDir: string;
  readonly cwd: string;
}): readonly string[] {
  const { simulated, services, dataDir, cwd } = order;
  const here = resolve(cwd, DATA_DIR_DEFAULT) === dataDir ? [] : [`export UNDERSTUDY_DATA_DIR=${quoted(dataDir)}`];
  return [...here, ...(simulated ? simulatedTips() : fleetTips(services[0] ?? '<service>'))];
}

function simulatedTips(): string[] {
  const [primary, standby] = SIMULATED_CLUSTERS.map(({ name }) => name);
  return [
    remarked(`npx understudy sim fault ${primary} crash`, 'break the cluster that serves'),
    remarked(`npx understudy sim clear ${primary}`, 'repair it, then answer what is asked'),
    `npx understudy switchover ${SIMULATED_SERVICE} --to ${standby} --reason "kernel upgrade" --wait`,
  ];
}

const fleetTips = (service: string): string[] => [
  remarked('npx understudy status', 'what is where, and why'),
  remarked(`npx understudy plan ${service}`, 'what a move would do now'),
  remarked('npx understudy doctor', 'whether every part works'),
];

const remarked = (command: string, remark: string): string => `${command.padEnd(REMARK_COLUMN)}# ${remark}`;

/** Left alone where no shell would take it apart. */
const quoted = (path: string): string => (/^[\w./@:+-]+$/u.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);
