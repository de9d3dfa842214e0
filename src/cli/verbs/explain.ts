/** `understudy explain`: what would happen now if a cluster failed, and why the last decision fell as it did. */
import type { Command } from 'commander';
import type { ExplanationView } from '../../control/explanation.js';
import { spokenTimes } from '../clock-words.js';
import { colour, show } from '../output.js';
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
        async (control) => await readExplanation(control, service, Date.now()),
      );
      show(explanation, options.json, (shown) => renderExplanation(shown, Date.now()));
      return undefined;
    },
  );
}

const INDENT = ' '.repeat(18);

/** What holds only for some cases gets a line of its own. */
const foretold = (sentence: string): string => sentence.replace(/; (if only the probes)/u, `\n${INDENT}$1`);

/** For people: one block a cluster. `nowMs`: wall clock. */
export function renderExplanation(
  { service, automation, clusters, spill, home, last }: ExplanationView,
  nowMs: number,
): string {
  const lines = [
    colour.bold(service),
    ...automation.map((sentence) => `  ${sentence}`),
    ...(spill === null ? [] : [`  ${spill}`]),
    ...clusters.flatMap(({ name, now, ifDead, ifDegraded, ifOverloaded, probes }) => [
      `  ${colour.bold(name)} (${now})`,
      `    if it died:   ${foretold(ifDead)}`,
      `    if it limped: ${foretold(ifDegraded)}`,
      `    if overloaded: ${ifOverloaded}`,
      ...probes.map((sentence, i) => (i === 0 ? `    probes:       ${sentence}` : `${INDENT}${sentence}`)),
    ]),
    ...(home === null ? [] : [`  way home: ${home}`]),
    `  last decision: ${last ?? 'none yet'}`,
  ];
  return lines.map((line) => spokenTimes(line, nowMs)).join('\n');
}
