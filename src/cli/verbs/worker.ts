/** `understudy worker control|probe`: one worker in the foreground, JSON lines on stdout. */
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { ClientTls } from '../../domain/admin-tls.js';
import type { Fleet } from '../../domain/fleet.js';
import { parseFields } from '../../domain/outside.js';
import { UsageError } from '../exit.js';
import { eventLine, serveWorker } from '../long-running.js';
import { findTarget, type Target, withTarget, type TargetOptions } from '../target.js';
import { does, verb } from '../verb.js';

interface ControlOptions extends TargetOptions {
  readonly config?: string;
}

interface ProbeOptions extends TargetOptions {
  readonly vantage: string;
  readonly maxClusters: number;
}

/** Enough for one machine; the probe worker has a slot for each. */
const PROBED_CLUSTERS_DEFAULT = 1_000;
const PROBED_CLUSTERS_MAX = 10_000;

export function workerCommand(): Command {
  return verb('worker', 'Run a control or probe worker in the foreground.')
    .addCommand(controlCommand())
    .addCommand(probeCommand());
}

function controlCommand(): Command {
  const command = verb('control', 'Runs the workflows, and the activities that change things.').option(
    '--config <file>',
    'configuration file: where people are told',
  );
  return does<ControlOptions>(withWorkerTarget(command), async (options) => {
    const fleet = await fleetOf(options.config);
    const target = findTarget(options);
    const { startControlWorker } = await import('../../workers/control.js');
    return await serveWorker(
      { worker: 'control' },
      async () => await startControlWorker({ fleet, ...reachOf(target), write: storyLine }),
    );
  });
}

function probeCommand(): Command {
  const command = verb('probe', 'Watches clusters from one place; only looks, never changes.')
    .option('--vantage <name>', 'the place that it probes from', 'local')
    .option('--max-clusters <n>', 'slots, one a cluster', slots, PROBED_CLUSTERS_DEFAULT);
  return does<ProbeOptions>(withWorkerTarget(command), async (options) => {
    const { vantage, maxClusters } = options;
    const target = findTarget(options);
    const { startProbeWorker } = await import('../../workers/probe.js');
    return await serveWorker(
      { worker: 'probe', vantage },
      async () => await startProbeWorker({ ...reachOf(target), vantage, maxClusters }),
    );
  });
}

/** The log's notifier writes JSON objects; each stays one object a line among the worker's own events. */
function storyLine(line: string): void {
  eventLine({ event: 'story', ...parseFields(line) });
}

/** Workers are started by programs too, which name the address by its own word. */
function withWorkerTarget(command: Command): Command {
  return withTarget(command)
    .option('--address <host:port>', 'the same as --temporal')
    .on('option:address', (address: string) => {
      command.setOptionValue('temporal', address);
    });
}

async function fleetOf(file: string | undefined): Promise<Pick<Fleet, 'slack' | 'webhook'>> {
  if (file === undefined) return { slack: null, webhook: null };
  const { loadFleet } = await import('../../config/load.js');
  return loadFleet(file);
}

function reachOf({ address, namespace, gatewayAdmin }: Target): {
  readonly address: string;
  readonly namespace: string;
  readonly gatewayAdminUrls: readonly string[];
  readonly adminToken: string | null;
  readonly adminTls: ClientTls | undefined;
} {
  if (gatewayAdmin === null)
    throw new UsageError('no gateway is named: a worker needs --gateway-admin, or UNDERSTUDY_GATEWAY_ADMIN');
  const { urls: gatewayAdminUrls, token: adminToken, tls: adminTls } = gatewayAdmin;
  return { address, namespace, gatewayAdminUrls, adminToken, adminTls };
}

function slots(text: string): number {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 1 || n > PROBED_CLUSTERS_MAX)
    throw new InvalidArgumentError(`write a whole number, 1 to ${PROBED_CLUSTERS_MAX}`);
  return n;
}
