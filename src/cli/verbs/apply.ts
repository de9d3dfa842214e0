/** `understudy apply`: brings the running workflows in line with a configuration file. */
import type { Command } from 'commander';
import type { ApplyChange, ApplyResult } from '../../control/apply.js';
import type { Control } from '../../control/control.js';
import type { Fleet } from '../../domain/fleet.js';
import { senderAt } from '../attribution.js';
import { colour, show } from '../output.js';
import { findTarget, withControl, withTarget, type Target, type TargetOptions } from '../target.js';
import { does, verb } from '../verb.js';

interface ApplyOptions extends TargetOptions {
  readonly file: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export function applyCommand(): Command {
  const command = verb('apply', 'Start, update and retire workflows until they match the file.')
    .requiredOption('-f, --file <file>', 'the configuration file')
    .option('--dry-run', 'show what would change, and change nothing');
  return does<ApplyOptions>(withTarget(command), async (options) => {
    const { loadFleet } = await import('../../config/load.js');
    const fleet = loadFleet(options.file);
    const target = targetOf(options, fleet);
    const result = await withControl(target, async (control) => await applyTo(control, fleet, options.dryRun === true));
    show(result, options.json, renderApply);
    return undefined;
  });
}

async function applyTo(control: Control, fleet: Fleet, dryRun: boolean): Promise<ApplyResult> {
  const { applyFleet } = await import('../../control/apply.js');
  const { prepareNamespace } = await import('../../control/namespace.js');
  const note = dryRun ? null : await prepareNamespace(control);
  const result = await applyFleet(control.client, fleet, { dryRun, sender: senderAt('apply') });
  return note === null ? result : { ...result, notes: [...result.notes, note] };
}

/** What the file names is meant, unless the command line names something else. */
function targetOf(options: ApplyOptions, { temporal }: Fleet): Target {
  if (temporal === null || options.temporal !== undefined || options.dataDir !== undefined) return findTarget(options);
  return findTarget({ ...options, temporal: temporal.address, namespace: options.namespace ?? temporal.namespace });
}

const WOULD = {
  created: 'would be created',
  updated: 'would be updated',
  unchanged: 'unchanged',
  retired: 'would be retired',
} as const;

export function renderApply({ dryRun, changes, notes }: ApplyResult): string {
  const done = (change: ApplyChange['change']): string => (dryRun ? WOULD[change] : change);
  const paint = (change: ApplyChange['change'], text: string): string =>
    change === 'unchanged' ? colour.dim(text) : change === 'retired' ? colour.yellow(text) : colour.green(text);
  const lines = changes.flatMap(({ kind, name, change, fields }) => [
    `${kind} ${name}: ${paint(change, done(change))}`,
    ...(fields ?? []).map(({ field, from, to }) => `  ${field}: ${from ?? '(absent)'} → ${to ?? '(absent)'}`),
  ]);
  const summary = dryRun ? ['nothing was changed (dry run)'] : [];
  return [...lines, ...notes.map((note) => `note: ${note}`), ...summary].join('\n');
}
