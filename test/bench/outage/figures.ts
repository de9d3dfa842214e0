/** What bench:outage says of one break: counts of what callers met, and how long continued ones waited. Pure. */
import type { LoadResult } from '../../../src/simulator/load-request.js';
import { percentile } from '../stage.js';

/** Of the target's time to first token; the engine must read what was said too. */
const FIRST_TOKEN_FACTOR = 1.2;
/** Between a kill and the moment at which it is noted, ms. */
const KEPT_OPEN_MS = 100;

export interface Played {
  readonly results: readonly LoadResult[];
  /** Moments at which something broke, ms since the epoch. */
  readonly feltAtMs: readonly number[];
  /** From a stream's last token to the moment when its break can be known, ms; `null`: none was to break. */
  readonly detectionMs: number | null;
  /** Callers whom a break may have taken along: those of a process of the gateway that was killed. */
  readonly takenMax: number;
  /** The target's time to first token, ms: of streams that come to it past the gateway as the continued ones came. */
  readonly firstTokenMsP50: number | null;
}

export interface BreakFigures {
  readonly break: string;
  readonly requests: number;
  readonly streams: number;
  readonly lost: number;
  readonly wrong: number;
  readonly cut: number;
  /** Of the lost and cut: those that were under way when the process was killed that served them. */
  readonly taken: number;
  readonly takenMax: number;
  readonly continued: number;
  /** By code, of what was not ok. */
  readonly failures: Readonly<Record<string, number>>;
  /** The longest wait of each continued stream; `null` when none was. */
  readonly gapMs: { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number } | null;
  readonly gapGoalMs: number | null;
  readonly detectionMs: number | null;
  readonly firstTokenMsP50: number | null;
  /** What the median gap has beyond detection and the target's first token: our own part in it. */
  readonly ownMsP50: number | null;
  readonly met: boolean;
}

/** `rounds`: of the same break, at least one. */
export function figuresOf(name: string, rounds: readonly Played[]): BreakFigures {
  const { results, feltAtMs, takenMax, detectionMs, firstTokenMsP50 } = pooled(rounds);
  const count = (test: (result: LoadResult) => boolean): number => results.filter(test).length;
  const waits = results.flatMap((r) => (r.continued && r.gapMsMax !== null ? [r.gapMsMax] : []));
  const lost = count((r) => r.verdict === 'lost');
  const wrong = count((r) => r.verdict === 'wrong');
  const cut = count((r) => r.verdict === 'cut');
  const taken = Math.min(
    takenMax,
    count((r) => isBroken(r) && feltAtMs.some((felt) => wasUnderWay(r, felt))),
  );
  const gapMs =
    waits.length === 0
      ? null
      : {
          p50: percentile(waits, 0.5),
          p95: percentile(waits, 0.95),
          p99: percentile(waits, 0.99),
          max: Math.max(...waits),
        };
  const gapGoalMs =
    detectionMs === null || firstTokenMsP50 === null
      ? null
      : Math.round(detectionMs + FIRST_TOKEN_FACTOR * firstTokenMsP50);
  const gapMet = gapMs === null || gapGoalMs === null || gapMs.p50 <= gapGoalMs;
  return {
    break: name,
    requests: results.length,
    streams: count((r) => r.stream),
    lost,
    wrong,
    cut,
    taken,
    takenMax,
    continued: waits.length,
    failures: failuresOf(results),
    gapMs,
    gapGoalMs,
    detectionMs,
    firstTokenMsP50,
    ownMsP50:
      gapMs === null || detectionMs === null || firstTokenMsP50 === null
        ? null
        : gapMs.p50 - detectionMs - firstTokenMsP50,
    // A break that should have broken streams and broke none has shown nothing.
    met: lost + wrong + cut === taken && gapMet && (detectionMs === null || waits.length > 0),
  };
}

function pooled(rounds: readonly Played[]): Played {
  return {
    results: rounds.flatMap((round) => round.results),
    feltAtMs: rounds.flatMap((round) => round.feltAtMs),
    takenMax: rounds.reduce((sum, round) => sum + round.takenMax, 0),
    detectionMs: middleOf(rounds.map((round) => round.detectionMs)),
    firstTokenMsP50: middleOf(rounds.map((round) => round.firstTokenMsP50)),
  };
}

/** Of the rounds that have the figure. */
function middleOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : percentile(known, 0.5);
}

const isBroken = ({ verdict }: LoadResult): boolean => verdict === 'lost' || verdict === 'cut';

/** A request that left just after may have met a connection that was kept open to the killed process. */
function wasUnderWay({ startedAtMs, endedAtMs }: LoadResult, felt: number): boolean {
  return startedAtMs <= felt + KEPT_OPEN_MS && endedAtMs >= felt - KEPT_OPEN_MS;
}

function failuresOf(results: readonly LoadResult[]): Record<string, number> {
  const failures: Record<string, number> = {};
  for (const { code } of results) if (code !== null) failures[code] = (failures[code] ?? 0) + 1;
  return failures;
}
