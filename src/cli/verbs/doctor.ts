/** `understudy doctor`: looks at every part that must work together; exit 1 when one does not. */
import type { Command } from 'commander';
import { dataDir } from '../../config/instance.js';
import type { Fleet } from '../../domain/fleet.js';
import { type Check, failed, ok, skipped } from '../doctor/check.js';
import { EXIT } from '../exit.js';
import { colour, columns, printJson, say } from '../output.js';
import { findTarget, type Target, withControl, withTarget, type TargetOptions } from '../target.js';
import { does, verb } from '../verb.js';

interface DoctorOptions extends TargetOptions {
  readonly file?: string;
  readonly json?: boolean;
}

export function doctorCommand(): Command {
  const command = verb('doctor', 'Look at every part that must work together, and say what to do.').option(
    '-f, --file <file>',
    'configuration file (default: the instance’s)',
  );
  return does<DoctorOptions>(withTarget(command), async (options) => {
    const checks = await examine(options);
    const sound = checks.every(({ state }) => state !== 'problem');
    if (options.json === true) printJson({ ok: sound, checks });
    else say(renderChecks(checks));
    return sound ? EXIT.done : EXIT.notDone;
  });
}

async function examine(options: DoctorOptions): Promise<readonly Check[]> {
  const { checkAccess, checkFiles, checkInstance, checkNode, checkSecrets } = await import('../doctor/local-checks.js');
  const node = checkNode();
  let target: Target;
  try {
    target = findTarget(options);
  } catch (error) {
    return [node, failed('instance', error)];
  }
  const configFile = options.file ?? target.instance?.configFile;
  const { fleet, check } = await fleetOf(configFile);
  const { checkClusters, checkGateway } = await import('../doctor/remote-checks.js');
  return [
    node,
    checkInstance(target.instance, dataDir(options.dataDir)),
    ...(target.instance === null ? [] : [checkFiles(dataDir(options.dataDir), configFile)]),
    check,
    checkAccess(target.instance),
    ...(await checkTemporal(target, fleet)),
    await checkGateway(target.gatewayAdmin, target.instance),
    ...(fleet === null ? [] : [...(await checkClusters(fleet)), ...checkSecrets(fleet)]),
  ];
}

async function fleetOf(file: string | undefined): Promise<{ readonly fleet: Fleet | null; readonly check: Check }> {
  if (file === undefined)
    return { fleet: null, check: skipped('config', 'no file is named: clusters are not looked at; name one with -f') };
  try {
    const { loadFleet } = await import('../../config/load.js');
    return { fleet: loadFleet(file), check: ok('config', file) };
  } catch (error) {
    return { fleet: null, check: failed('config', error) };
  }
}

async function checkTemporal(target: Target, fleet: Fleet | null): Promise<readonly Check[]> {
  const { checkServices, checkTasks, checkWatches, checkWorkers } = await import('../doctor/remote-checks.js');
  const { readStatus } = await import('../../control/status.js');
  try {
    return await withControl(target, async (control) => {
      const status = readStatus(control);
      return [
        ok('temporal', `${target.address}, namespace ${target.namespace} (${target.source})`),
        ...(await checkWorkers(control, status, fleet?.vantages ?? ['local'])),
        await checkServices(control, status, Object.keys(fleet?.services ?? {})),
        ...(await checkWatches(control, status)),
        ...(await checkTasks(control)),
      ];
    });
  } catch (error) {
    return [failed('temporal', error, 'start it, or name another with --temporal; docs/temporal.md lists the ways')];
  }
}

export function renderChecks(checks: readonly Check[]): string {
  const mark = { ok: colour.green('ok'), problem: colour.red('problem'), skipped: colour.dim('skipped') } as const;
  const rows = checks.flatMap(({ name, state, found, fix }) => [
    [mark[state], name, found.split('\n')[0] ?? ''],
    ...found
      .split('\n')
      .slice(1)
      .map((line) => ['', '', line]),
    ...(fix === null ? [] : [['', '', `fix: ${fix}`]]),
  ]);
  const problems = checks.filter(({ state }) => state === 'problem').length;
  return `${columns(rows)}\n\n${problems === 0 ? 'all is well' : `${problems} problem${problems === 1 ? '' : 's'}`}`;
}
