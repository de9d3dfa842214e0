/** From the options to a fleet and the processes that serve it. Writes the simulated fleet's file, starts nothing. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FILE_MODE } from '../../config/own-files.js';
import { loadFleet } from '../../config/load.js';
import type { Fleet } from '../../domain/fleet.js';
import type { DevOptions } from './options.js';
import { rosterOf, simulatedUrl, type Roster } from './roster.js';
import { SIMULATED_CLUSTERS, simulatedConfig } from './simulated-fleet.js';

export interface InstancePlan {
  readonly fleet: Fleet;
  /** Absolute path; the simulated fleet's own file when none was named. */
  readonly configFile: string;
  readonly roster: Roster;
  /** True when Temporal is somebody else's: nothing to find and nothing to start. */
  readonly external: boolean;
}

/** @throws CodedError `bad-config` */
export function planInstance(options: DevOptions, env: NodeJS.ProcessEnv = process.env): InstancePlan {
  const { dataDir, portBase } = options;
  const simulated = options.configFile === null;
  const configFile = options.configFile ?? writeSimulatedConfig(options);
  const fleet = loadFleet(configFile);
  const temporal = options.temporal ?? fleet.temporal ?? temporalOf(env);
  const rate = options.load ? options.rate : null;
  const roster = rosterOf({ fleet, configFile, dataDir, portBase, simulated, rate, temporal });
  return { fleet, configFile, roster, external: temporal !== null };
}

function temporalOf(env: NodeJS.ProcessEnv): { readonly address: string; readonly namespace: string } | null {
  const address = env['TEMPORAL_ADDRESS'];
  return address ? { address, namespace: env['TEMPORAL_NAMESPACE'] || 'default' } : null;
}

function writeSimulatedConfig({ dataDir, portBase }: DevOptions): string {
  const file = join(dataDir, 'simulated.yaml');
  writeFileSync(
    file,
    simulatedConfig((cluster) => simulatedUrl(portBase, SIMULATED_CLUSTERS.indexOf(cluster))),
    { mode: FILE_MODE },
  );
  return file;
}
