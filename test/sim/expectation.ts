/** Compares what was done with what was right; every difference is a sentence. */
import type { SimulationResult } from '../../src/domain/simulation/simulate.js';
import type { ExpectedMove, TraceHeader } from '../../src/domain/simulation/trace.js';

type Moved = SimulationResult['moves'][number];

export function misses(header: TraceHeader, result: SimulationResult): string[] {
  const { moves = [], verdicts = [] } = header.expect ?? {};
  const left = [...result.moves];
  const missing = moves.flatMap((expected) => {
    const found = left.findIndex((moved) => fits(expected, moved));
    if (found === -1) return [`missing: ${spell(expected)}; done: ${JSON.stringify(result.moves)}`];
    left.splice(found, 1);
    return [];
  });
  const extra = left.map((moved) => `not asked for: ${JSON.stringify(moved)}`);
  const misnamed = verdicts.flatMap(({ cluster, is, at }) => {
    const called = result.verdicts.filter((v) => v.cluster === cluster && v.t <= at).at(-1)?.verdict ?? 'unknown';
    return called === is ? [] : [`${cluster} is called ${called} at ${at} s, it is ${is}`];
  });
  return [...missing, ...extra, ...misnamed];
}

function fits({ kind, from, to, after, within }: ExpectedMove, moved: Moved): boolean {
  const there = to === '*' || to === moved.to;
  return kind === moved.kind && from === moved.from && there && moved.t >= after && moved.t <= after + within;
}

const spell = ({ kind, from, to, after, within }: ExpectedMove): string =>
  `${kind} ${from} > ${to} between ${after} and ${after + within} s`;
