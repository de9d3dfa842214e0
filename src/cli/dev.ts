/** `understudy dev`: everything on this machine, under one command. */
import { Command, InvalidArgumentError } from 'commander';
import { resolve } from 'node:path';
import { dataDir } from '../config/instance.js';
import type { DevOptions } from './dev/options.js';
import { onTerminal } from './output.js';

/** Ports above the base that are used: the last simulated cluster's control port (config/instance.ts). */
const PORTS_ABOVE_BASE = 60;

/** The verb; its exit status is 0 after Ctrl-C or SIGTERM, otherwise as for every verb. */
export function devCommand(): Command {
  return new Command('dev')
    .description('run everything on this machine: Temporal, workers, gateway and, without a config, a simulated fleet')
    .option('-c, --config <file>', 'configuration file; without it a simulated fleet is made')
    .option('--port-base <n>', 'first port; all others follow from it', portBase, 4400)
    .option('--data-dir <dir>', 'where all state lives (default: $UNDERSTUDY_DATA_DIR or .understudy)')
    .option('--temporal <host:port>', 'a Temporal service instead of an embedded one (default: as configured)')
    .option('--namespace <name>', 'its namespace (default: $TEMPORAL_NAMESPACE or default)')
    .option('--no-load', 'no simulated callers')
    .option('--rate <n>', 'simulated requests per second', rate, 4)
    .option('--plain', 'plain lines, one event each, even on a terminal')
    .action(async (options: RawOptions) => {
      const { runDev } = await import('./dev/run-dev.js');
      const status = await runDev({
        configFile: options.config === undefined ? null : resolve(options.config),
        portBase: options.portBase,
        dataDir: resolve(dataDir(options.dataDir)),
        temporal: temporalOf(options),
        load: options.load,
        rate: options.rate,
        live: onTerminal() && options.plain !== true,
      });
      // Not by itself: what was interrupted in the middle (a download, a build) would keep us waiting.
      process.exit(status);
    });
}

interface RawOptions {
  readonly temporal?: string;
  readonly namespace?: string;
  readonly config?: string;
  readonly portBase: number;
  readonly dataDir?: string;
  readonly load: boolean;
  readonly rate: number;
  readonly plain?: boolean;
}

function temporalOf({ temporal: address, namespace }: RawOptions): DevOptions['temporal'] {
  if (address === undefined) return null;
  return { address, namespace: namespace ?? (process.env['TEMPORAL_NAMESPACE'] || 'default') };
}

function portBase(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1024 && port + PORTS_ABOVE_BASE <= 65_535) return port;
  throw new InvalidArgumentError(`Write a number from 1024 to ${65_535 - PORTS_ABOVE_BASE}.`);
}

function rate(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0 && value <= 1000) return value;
  throw new InvalidArgumentError('Write a number above 0, at most 1000.');
}
