/** `understudy dev` from start to end: claim the directory, start, apply the fleet, show it, and leave nothing behind. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeInstance, writeInstance } from '../../config/instance.js';
import { applyFleet } from '../../control/apply.js';
import { openControl } from '../../control/control.js';
import type { Fleet } from '../../domain/fleet.js';
import { requireFreePorts } from '../../temporal/ports.js';
import { senderAt } from '../attribution.js';
import { endOnFault, eventLine, outliveTheLog } from '../long-running.js';
import { claimDataDir } from './claim.js';
import { prepareInstance, type InstanceRun, type RunOrder } from './instance-run.js';
import type { DevOptions } from './options.js';
import { planInstance, type InstancePlan } from './plan-instance.js';
import { openReporter, type Reporter } from './reporter.js';
import type { Roster } from './roster.js';
import { listenForStop, type StopSignal } from './stop-signal.js';
import type { Supervised } from './supervised.js';
import { temporalStarter } from './temporal-child.js';
import { tipsFor } from './tips.js';
import { watchFleet } from './watch-fleet.js';

const STATUS_EVERY_MS = 500;
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
  outliveTheLog();
  endOnFault((event) => {
    reporter.close();
    eventLine(event);
  });
  try {
    const plan = planInstance(options);
    await requirePorts(plan.roster, claim.leftOver);
    const external = plan.external ? plan.roster.temporal : null;
    const startTemporal = await Promise.race([
      temporalStarter(options, { external, onEvent: reporter.event }),
      stop.stopped,
    ]);
    if (startTemporal !== undefined) await run({ options, ...plan, reporter, startTemporal, startedAt }, stop);
    return 0;
  } finally {
    reporter.close();
    removeInstance(options.dataDir);
    claim.release();
    stop.release();
  }
}

interface Scene extends InstancePlan {
  readonly options: DevOptions;
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
    await Promise.race([startAll(scene, instance, stop.signal), stop.stopped]);
    if (stop.signal.aborted) return;
    const processes = (): readonly Supervised[] => instance.processes;
    reporter.open({ urls: urlsOf(roster), tips: tipsOf(scene), processes });
    await watchFleet({
      temporal: roster.temporal,
      gateway: { urls: roster.adminUrls, token: adminToken },
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

/**
 * Data plane and Temporal together, then the workers, then the fleet's workflows, then callers. Nothing more is started
 * once it is told to stop: the stage of the next one may have been ended already.
 */
async function startAll(scene: Scene, instance: InstanceRun, stop: AbortSignal): Promise<void> {
  const { options, fleet, roster, reporter, startedAt } = scene;
  reporter.event(roster.temporal.uiUrl === null ? 'starting the data plane' : 'starting Temporal and the data plane');
  await instance.startDataPlane();
  if (stop.aborted) return;
  reporter.event('starting workers');
  await instance.startWorkers();
  if (stop.aborted) return;
  await applyTo(fleet, roster, reporter);
  if (stop.aborted) return;
  await instance.startLoad();
  if (stop.aborted) return;
  reporter.event(
    `ready after ${((Date.now() - startedAt) / 1000).toFixed(1)} s; logs in ${join(options.dataDir, 'logs')}`,
  );
}

async function applyTo(fleet: Fleet, { temporal }: Roster, reporter: Reporter): Promise<void> {
  const control = await openControl(temporal);
  try {
    const { changes, notes } = await applyFleet(control.client, fleet, { dryRun: false, sender: senderAt('dev') });
    for (const { kind, name, change } of changes) reporter.event(`${kind} ${name}: ${change}`);
    for (const note of notes) reporter.event(note);
  } finally {
    await control.close();
  }
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
