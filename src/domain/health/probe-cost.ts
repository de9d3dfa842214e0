/** What completions of our own cost a cluster lately, from all of its vantages: the words of `status` and `explain`. */
import type { Vantage } from '../words.js';
import type { ProbeSpending } from './probe-budget.js';
import { add, NOTHING_SPENT, tallyHour } from './probe-tally.js';

const HOUR_MS = 3_600_000;
/** Below this share nobody cares how little it is, percent. */
const PCT_SHOWN_MIN = 0.01;

export interface ProbeCost {
  /** Of all vantages that told; `null`: none did, which is not nothing. */
  readonly lastHour: {
    readonly completions: number;
    readonly tokens: number;
    /** Of what the cluster can run in an hour, percent. */
    readonly capacityPct: number;
  } | null;
  /** Where the budget is used up, and since when (ISO 8601). */
  readonly usedUpFrom: readonly { readonly vantage: Vantage; readonly since: string }[];
  /** Vantages that told nothing. */
  readonly unknownFrom: readonly Vantage[];
}

export const UNKNOWN_COST: ProbeCost = { lastHour: null, usedUpFrom: [], unknownFrom: [] };

/** `spendings`: what each vantage told last; `null`: nothing. */
export function probeCostOf(
  spendings: Readonly<Record<Vantage, ProbeSpending | null>>,
  concurrency: number,
  nowMs: number,
): ProbeCost {
  const told = Object.entries(spendings).flatMap(([vantage, s]) => (s === null ? [] : [{ vantage, ...s }]));
  const { completions, tokens, ms } = told.map(({ slots }) => tallyHour(slots, nowMs)).reduce(add, NOTHING_SPENT);
  return {
    lastHour: told.length === 0 ? null : { completions, tokens, capacityPct: (100 * ms) / (concurrency * HOUR_MS) },
    usedUpFrom: told.flatMap(({ vantage, heldSinceMs }) =>
      heldSinceMs === null ? [] : [{ vantage, since: new Date(heldSinceMs).toISOString() }],
    ),
    unknownFrom: Object.keys(spendings).filter((vantage) => spendings[vantage] === null),
  };
}

/** e.g. `12 completions, 190 tokens in the last hour, 0.02 % of its capacity` */
export function probeCostSentence({ lastHour, unknownFrom }: ProbeCost): string {
  const silent = unknownFrom.join(', ');
  if (lastHour === null) return `what completions cost is not known${silent === '' ? '' : `: no word from ${silent}`}`;
  const { completions, tokens, capacityPct } = lastHour;
  const share = capacityPct < PCT_SHOWN_MIN ? `less than ${PCT_SHOWN_MIN}` : capacityPct.toFixed(2);
  const sum =
    completions === 0
      ? 'no completion in the last hour'
      : `${count(completions, 'completion')}, ${count(tokens, 'token')} in the last hour, ${share} % of its capacity`;
  return silent === '' ? sum : `${sum}; those from ${silent} are not known`;
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

/** One sentence a vantage that may send none at the moment. */
export const usedUpSentences = ({ usedUpFrom }: ProbeCost): string[] =>
  usedUpFrom.map(
    ({ vantage, since }) =>
      `the budget of completions from ${vantage} is used up since ${since}: \`generation\` is not known from there until it has filled again`,
  );
