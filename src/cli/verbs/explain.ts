/** `understudy explain`: what would happen now if a cluster failed, and why the last decision fell as it did. */
import type { Command } from 'commander';
import type { Explanation } from '../../domain/guard/explain.js';
import { colour, printJson, say } from '../output.js';
import { findTarget, withControl, withTarget, type TargetOptions } from '../target.js';
import { does, verb } from '../verb.js';

interface ExplainOptions extends TargetOptions {
  readonly json?: boolean;
}

export function explainCommand(): Command {
  const command = verb(
    'explain',
    'What would happen now if a cluster failed, and why the last decision fell as it did.',
  );
  return does<ExplainOptions>(
    withTarget(command.argument('<service>', 'the service')),
    async (options, service = '') => {
      const { readExplanation } = await import('../../control/explanation.js');
      const explanation = await withControl(
        findTarget(options),
        async (control) => await readExplanation(control, service),
      );
      if (options.json === true) printJson(explanation);
      else say(renderExplanation(explanation));
      return undefined;
    },
  );
}

/** For people: one block a cluster. */
export function renderExplanation({ service, automation, clusters, home, last }: Explanation): string {
  return [
    colour.bold(service),
    ...automation.map((sentence) => `  ${sentence}`),
    ...clusters.flatMap(({ name, now, ifDead, ifDegraded }) => [
      `  ${colour.bold(name)} (${now})`,
      `    if it died:   ${ifDead}`,
      `    if it limped: ${ifDegraded}`,
    ]),
    ...(home === null ? [] : [`  way home: ${home}`]),
    `  last decision: ${last ?? 'none yet'}`,
  ].join('\n');
}
