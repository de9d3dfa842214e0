/** Ended moves as text: a story with times, then what callers noticed. */
import type { MoveEndState, MoveRecord, MoveReport } from '../domain/move-record.js';
import { clockTime, dateTime, spanBetween, spokenTimes } from './clock-words.js';
import type { Redirections } from '../control/history.js';
import { redirectionLine, spellWeights } from './facts.js';
import { colour, columns } from './output.js';

/** All changes of where prompts go, and all moves, newest first. */
export function renderHistory(service: string, moves: readonly MoveRecord[], redirections: Redirections = []): string {
  const told = moves.length === 0 ? [`${service} has not been moved yet`] : moves.map(renderMove);
  const elsewhere = redirections.map((each) => `  ${redirectionLine(each)}`);
  const changed =
    elsewhere.length === 0 ? [] : [[colour.yellow('prompts were sent elsewhere'), ...elsewhere].join('\n')];
  return [...changed, ...told].join('\n\n');
}

/** One move, from its cause to what it cost. Times are UTC. */
export function renderMove(move: MoveRecord): string {
  const { id, kind, from, to, state, why, startedAt, endedAt } = move;
  const took = spanBetween(startedAt, endedAt);
  const reason = move.reason === '' ? '' : `: ${move.reason}`;
  const weights = spellWeights(move.weights);
  const steps = move.steps.map((s) => [
    clockTime(s.at),
    s.name,
    s.weights === null ? '' : spellWeights(s.weights),
    [s.verdict, s.why].filter((part) => part !== null && part !== '').join(': '),
  ]);
  return [
    `${colour.bold(`${kind} ${from.join(', ')} → ${to}`)}  ${paintState(state)}${took === null ? '' : ` after ${took}`}  ${colour.dim(id)}`,
    `  ${dateTime(startedAt)} UTC, by ${move.by} (${move.via})${reason}`,
    ...(steps.length === 0 ? [] : [columns(steps, '  ')]),
    ...reportLines(move.report),
    `  ${clockTime(endedAt)}  ${state}: ${why}${why.includes(weights) ? '' : `. Weights: ${weights}`}`,
  ]
    .map((line) => spokenTimes(line, Date.parse(endedAt)))
    .join('\n');
}

function reportLines(report: MoveReport): readonly string[] {
  const { faultAt, detectedAt, firstShiftAt, shiftedAt, recoveredAt, requests } = report;
  const begin = faultAt ?? detectedAt;
  const spans = [
    ['detected', spanBetween(faultAt, detectedAt)],
    ['first weight', spanBetween(detectedAt, firstShiftAt)],
    ['all weight', spanBetween(detectedAt ?? firstShiftAt, shiftedAt)],
    ['callers served again', spanBetween(begin, recoveredAt)],
  ].flatMap(([what, took]) => (took === null ? [] : [`${what} after ${took}`]));
  const times = spans.length === 0 ? [] : [`  times: ${spans.join(', ')}`];
  if (requests === null) return [...times, '  callers, during the move: the data plane could not be asked'];
  const { total, ok, lost, cut, continued, retried } = requests;
  const counts = `${total} requests, ${ok} ok, ${lost} lost, ${cut} cut, ${continued} continued, ${retried} retried`;
  return [...times, `  callers, during the move: ${lost + cut > 0 ? colour.red(counts) : counts}`];
}

const paintState = (state: MoveEndState): string => (state === 'done' ? colour.green(state) : colour.red(state));
