/** `understudy plan`: what a move would do now, step by step, and whether it could. Changes nothing. */
import { Option, type Command } from 'commander';
import type { PlanForecast } from '../../control/forecast.js';
import type { MoveKind } from '../../domain/words.js';
import { EXIT } from '../exit.js';
import { spellWeights } from '../facts.js';
import { colour, show } from '../output.js';
import { findTarget, withControl, withTarget, type TargetOptions } from '../target.js';
import { does, verb } from '../verb.js';

interface PlanOptions extends TargetOptions {
  readonly to?: string;
  readonly from?: string;
  readonly kind: MoveKind;
  readonly json?: boolean;
}

export function planCommand(): Command {
  const command = verb('plan', 'What a move would do now, and whether it could; changes nothing.')
    .argument('<service>', 'the service')
    .option('--to <cluster>', 'the cluster that would take over (default: the best one that is well)')
    .option('--from <cluster>', 'the cluster that would be left')
    .addOption(
      new Option('--kind <kind>', 'which move').choices(['switchover', 'failover', 'failback']).default('switchover'),
    );
  return does<PlanOptions>(withTarget(command), async (options, service = '') => {
    const { forecastMove } = await import('../../control/forecast.js');
    const { kind, to, from } = options;
    const wish = { kind, ...(to === undefined ? {} : { to }), ...(from === undefined ? {} : { from }) };
    const forecast = await withControl(
      findTarget(options),
      async (control) => await forecastMove(control, service, wish),
    );
    show(forecast, options.json, renderForecast);
    return forecast.possible ? EXIT.done : EXIT.refused;
  });
}

export function renderForecast(forecast: PlanForecast): string {
  const { service, kind, notes } = forecast;
  const notices = notes.map((note) => `  note: ${note}`);
  if (!forecast.possible) {
    return [
      `${service}: a ${kind} would be ${colour.red('refused')} (${forecast.code}): ${forecast.message}`,
      ...notices,
    ].join('\n');
  }
  const { from, to, profile, start, steps, canGoBack, approval } = forecast;
  return [
    `${service}: ${kind} ${from.join(', ')} → ${to}, ${profile} ramp: ${colour.green('possible')}`,
    `  now      ${spellWeights(start)}`,
    ...steps.map(({ name, weights }) => `  ${name.padEnd(7)}  ${spellWeights(weights)}`),
    `  ${canGoBack ? 'it goes back if a step shows trouble' : 'it cannot go back: what it leaves is down; trouble leads to the next target, or it holds'}`,
    ...(approval === 'required' ? ['  a person is asked before the first change'] : []),
    ...notices,
  ].join('\n');
}
