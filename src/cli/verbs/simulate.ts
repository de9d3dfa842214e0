/** `understudy simulate`: what the decision core would have done about a trace. Needs no instance, changes nothing. */
import type { Command } from 'commander';
import type { SimulatedSpill, SimulationResult } from '../../domain/simulation/simulate.js';
import { printable } from '../../domain/printable.js';
import { columns, show } from '../output.js';
import { does, verb } from '../verb.js';

interface SimulateOptions {
  readonly json?: boolean;
}

export function simulateCommand(): Command {
  const command = verb(
    'simulate',
    'Feed a trace through the code that decides, and print what it would have done.',
  ).argument('<trace>', 'a .jsonl or .jsonl.gz file');
  return does<SimulateOptions>(command, async (options, path = '') => {
    const { readTrace } = await import('../simulate/read-trace.js');
    const { runTrace } = await import('../simulate/run-trace.js');
    const trace = readTrace(path);
    const result = runTrace(trace, path).result();
    show(result, options.json, (shown) => renderSimulation(printable(trace.header.trace), shown));
    return undefined;
  });
}

const spillRow = ({ from, to, sharePct }: Omit<SimulatedSpill, 't'>): string[] =>
  sharePct === 0 ? [`${from} spills nothing to ${to} any more`] : [`${from} spills ${sharePct} % to ${to}`];

/** Everything that happened, in the order of time. */
export function renderSimulation(name: string, result: SimulationResult): string {
  const rows = [
    ...result.verdicts.map(({ t, cluster, verdict, why }) => ({ t, row: [`${cluster} is ${verdict}`, why] })),
    ...result.moves.map(({ t, kind, from, to, reason }) => ({ t, row: [`${kind} ${from} → ${to}`, reason] })),
    ...result.spills.map(({ t, from, to, sharePct }) => ({ t, row: spillRow({ from, to, sharePct }) })),
    ...result.notDone.map(({ t, trigger, why }) => ({ t, row: [`nothing moved (${trigger})`, why] })),
  ].sort((a, b) => a.t - b.t);
  const moves = result.moves.length === 1 ? '1 move' : `${result.moves.length} moves`;
  const head = `${name}: ${moves} in ${result.ticks} ticks, completions used at ${result.generationProbes} of them`;
  return [
    head,
    columns(
      rows.map(({ t, row }) => [`${t.toFixed(1)} s`, ...row]),
      '  ',
    ),
  ]
    .join('\n')
    .trimEnd();
}
