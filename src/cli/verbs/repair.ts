/** `understudy repair`: begins a guard anew that cannot go on, with all that it knew. */
import type { Command } from 'commander';
import type { CarriedLease, Repaired } from '../../control/repair.js';
import { attributionOf, type AttributionOptions, withAttribution } from '../attribution.js';
import { spokenTimes } from '../clock-words.js';
import { colour, show } from '../output.js';
import { findTarget, withControl, withTarget, type TargetOptions } from '../target.js';
import { does, verb } from '../verb.js';

interface RepairOptions extends TargetOptions, AttributionOptions {
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  understudy doctor                             which guard cannot go on, and why
  understudy repair chat --dry-run              what would be done
  understudy repair chat --reason "TMPRL1100"   do it

It is refused while the guard is well, and while a move of the service is running.
`;

export function repairCommand(): Command {
  const command = verb(
    'repair',
    'Begin a guard anew whose workflow task fails again and again, with all that it knew. No weight is changed.',
  )
    .argument('<service>', 'the service')
    .option('--dry-run', 'only say what would be done')
    .addHelpText('after', EXAMPLES);
  return does<RepairOptions>(withTarget(withAttribution(command, 'optional')), async (options, service = '') => {
    const { repairGuard } = await import('../../control/repair.js');
    const order = { ...attributionOf(options), dryRun: options.dryRun === true };
    const repaired = await withControl(
      findTarget(options),
      async (control) => await repairGuard(control, service, order),
    );
    show(repaired, options.json, (shown) => renderRepaired(shown, Date.now()));
    return undefined;
  });
}

/** For people. `nowMs`: wall clock. */
export function renderRepaired({ service, done, why, carried, untouched }: Repaired, nowMs: number): string {
  const { moves, lastMove, frozen, maintenance } = carried;
  const holds = [
    ...(frozen === null ? [] : [`frozen ${leaseSentence(frozen)}`]),
    ...maintenance.map((lease) => `${lease.cluster} in maintenance ${leaseSentence(lease)}`),
  ];
  const title = done
    ? `${service}: its guard was begun anew`
    : `${service}: its guard would be begun anew (nothing was done)`;
  return [
    colour.bold(title),
    `  because:   ${why}`,
    `  carried:   ${moves} moves${lastMove === null ? '' : ` (the last one ${lastMove})`}${holds.length === 0 ? ', no freeze, no maintenance' : ''}`,
    ...holds.map((hold) => `             ${spokenTimes(hold, nowMs)}`),
    ...untouched.map((what, i) => `  ${i === 0 ? 'untouched:' : '          '} ${what}`),
  ].join('\n');
}

const leaseSentence = ({ by, until, reason }: CarriedLease): string => `by ${by} until ${until}: ${reason}`;
