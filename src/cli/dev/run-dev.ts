/** `understudy dev` from start to end: claim the directory, start, apply the fleet, show it, and leave nothing behind. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeInstance, writeInstance } from '../../config/instance.js';
import { loadFleet } from '../../config/load.js';
import { applyFleet } from '../../control/apply.js';
import { openControl } from '../../control/control.js';
import { CodedError } from '../../domain/errors.js';
import type { Fleet } from '../../domain/fleet.js';
import { connectClient } from '../../temporal/connect.js';
import { findTemporalBinary } from '../../temporal/find-binary.js';
import { requireFreePorts } from '../../temporal/ports.js';
import { ensureSearchAttributes } from '../../temporal/search-attributes.js';
import { claimDataDir } from './claim.js';
import { prepareInstance, type InstanceRun } from './instance-run.js';
import { openReporter, type Reporter } from './reporter.js';
import { rosterOf, simulatedUrl, type Roster } from './roster.js';
import { SIMULATED_CLUSTERS, simulatedConfig } from './simulated-fleet.js';
import { listenForStop, type StopSignal } from './stop-signal.js';
import { startTemporalChild } from './temporal-child.js';
import { tipsFor } from './tips.js';
import { watchFleet } from './watch-fleet.js';

export interface DevOptions {
  /** Absolute path; `null` for the simulated fleet. */
  readonly configFile: string | null;
  readonly portBase: number;
  /** Absolute path. */
  readonly dataDir: string;
  readonly load: boolean;
  /** Simulated requests per second. */
  readonly rate: number;
  /** Draw a live picture instead of writing lines. */
  readonly live: boolean;
}

const STATUS_EVERY_MS = 500;
const CONNECT_DEADLINE_MS = 15_000;
/** Children of an instance that was killed let go of their ports within their own grace. */
const LEFT_OVER_WAIT_MS = 8_000;

/**
 * Runs until it is told to stop.
 * @returns the exit status
 * @throws CodedError when it cannot start; whatever had started has ended by then
 */
export async function runDev(options: DevOptions): Promise<number> {
  const startedAt = Date.now();
  const claim = await claimDataDir(options.dataDir);
  const reporter = openReporter(options.live);
  const stop = listenForStop();
  try {
    const { fleet, roster } = readFleet(options);
    await requirePorts(roster, claim.leftOver);
    const startTemporal = await temporalStarter(options, { fleet, reporter });
    await run({ options, fleet, roster, reporter, startTemporal, startedAt }, stop);
    return 0;
  } finally {
    reporter.close();
    removeInstance(options.dataDir);
    claim.release();
    stop.release();
  }
}

interface Scene {
  readonly options: DevOptions;
  readonly fleet: Fleet;
  readonly roster: Roster;
  readonly reporter: Reporter;
  readonly startTemporal: RunOrder['startTemporal'];
  readonly startedAt: number;
}

async function run(scene: Scene, stop: StopSignal): Promise<void> {
  const { options, roster, reporter, startTemporal } = scene;
  const adminToken = randomBytes(24).toString('base64url');
  const instance: InstanceRun = prepareInstance({
    roster,
    dataDir: options.dataDir,
    adminToken,
    startTemporal,
    onEvent: reporter.event,
    onPids: () => describe(scene, instance, adminToken),
  });
  stop.onSecond(() => instance.kill());
  try {
    await Promise.race([startAll(scene, instance), stop.stopped]);
    if (stop.signal.aborted) return;
    const processes = (): readonly Supervised[] => instance.processes;
    reporter.open({ urls: urlsOf(roster), tips: tipsOf(scene), processes });
    await watchFleet({
      temporal: roster.temporal,
      gateway: { url: roster.gateway.adminUrl, token: adminToken },
      everyMs: STATUS_EVERY_MS,
      signal: stop.signal,
      onStatus: reporter.status,
      onSilence: reporter.silence,
    });
  } finally {
    reporter.close();
    reporter.event('ending');
    await instance.stop();
    reporter.event('ended');
  }
}

/** Data plane and Temporal together, then the workers, then the fleet's workflows, then callers. */
async function startAll({ options, fleet, roster, reporter, startedAt }: Scene, instance: InstanceRun): Promise<void> {
  reporter.event('starting Temporal and the data plane');
  await instance.startDataPlane();
  reporter.event('starting workers');
  await instance.startWorkers();
  await applyTo(fleet, roster, reporter);
  await instance.startLoad();
  reporter.event(`ready after ${((Date.now() - startedAt) / 1000).toFixed(1)} s; logs in ${join(options.dataDir, 'logs')}`);
}

async function applyTo(fleet: Fleet, { temporal }: Roster, reporter: Reporter): Promise<void> {
  const control = await openControl(temporal);
  try {
    const { changes, notes } = await applyFleet(control.client, fleet, { dryRun: false });
    for (const { kind, name, change } of changes) reporter.event(`${kind} ${name}: ${change}`);
    for (const note of notes) reporter.event(note);
  } finally {
    await control.close();
  }
}

function readFleet(options: DevOptions): { readonly fleet: Fleet; readonly roster: Roster } {
  const simulated = options.configFile === null;
  const configFile = options.configFile ?? writeSimulatedConfig(options);
  const fleet = loadFleet(configFile);
  const address = process.env['TEMPORAL_ADDRESS'];
  const external = fleet.temporal ?? (address ? { address, namespace: process.env['TEMPORAL_NAMESPACE'] ?? 'default' } : null);
  const { dataDir, portBase } = options;
  const rate = options.load ? options.rate : null;
  return { fleet, roster: rosterOf({ fleet, configFile, dataDir, portBase, simulated, rate, temporal: external }) };
}

function writeSimulatedConfig({ dataDir, portBase }: DevOptions): string {
  const file = join(dataDir, 'simulated.yaml');
  writeFileSync(file, simulatedConfig((cluster) => simulatedUrl(portBase, SIMULATED_CLUSTERS.indexOf(cluster))));
  return file;
}

async function requirePorts({ ports }: Roster, leftOver: boolean): Promise<void> {
  const deadline = Date.now() + (leftOver ? LEFT_OVER_WAIT_MS : 0);
  for (;;) {
    try {
      await requireFreePorts(ports);
      return;
    } catch (error) {
      if (Date.now() >= deadline) throw error;
      await sleep(200);
    }
  }
}

/** Finds the binary before anything is started; a server of somebody else only gets what it lacks. */
async function temporalStarter(
  { dataDir, portBase }: DevOptions,
  { external, reporter }: { readonly external: Roster['temporal'] | null; readonly reporter: Reporter },
): Promise<RunOrder['startTemporal']> {
  if (external !== null) {
    const { connection } = await connectClient({ ...external, deadlineMs: CONNECT_DEADLINE_MS });
    const added = await ensureSearchAttributes(connection, external.namespace);
    await connection.close();
    if (added.length > 0) reporter.event(`search attributes added to ${external.address}: ${added.join(', ')}`);
    return null;
  }
  const { path: binary, source, serverVersion } = await findTemporalBinary({ onLine: reporter.event });
  reporter.event(`Temporal server ${serverVersion} (${source}: ${binary})`);
  const ports = portsOf(portBase);
  const order = { binary, dataDir, port: ports.temporal, uiPort: ports.temporalUi, metricsPort: ports.temporalMetrics };
  return async (log) => await startTemporalChild({ ...order, namespace: EMBEDDED_NAMESPACE }, log);
}

function describe({ options, roster, configFile, startedAt }: Scene, instance: InstanceRun, adminToken: string): void {
  writeInstance(options.dataDir, {
    pid: process.pid,
    startedAt: new Date(startedAt).toISOString(),
    portBase: options.portBase,
    configFile,
    temporal: roster.temporal,
    gateway: roster.gateway,
    adminToken,
    simulated: roster.simulated,
    processes: instance.processes.flatMap((child) => {
      const pid = child.pid();
      return pid === null ? [] : [{ name: child.name, pid }];
    }),
  });
}

function urlsOf({ gateway, temporal }: Roster): { readonly what: string; readonly url: string }[] {
  return [
    { what: 'Gateway', url: `${gateway.url}/v1` },
    { what: 'Admin', url: gateway.adminUrl },
    ...(temporal.uiUrl === null ? [] : [{ what: 'Temporal UI', url: temporal.uiUrl }]),
  ];
}

function tipsOf({ options, fleet }: Scene): readonly string[] {
  const services = Object.keys(fleet.services);
  return tipsFor({ simulated: options.configFile === null, services, dataDir: options.dataDir, cwd: process.cwd() });
}
