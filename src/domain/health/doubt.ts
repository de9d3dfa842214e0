/** Is a cluster that is called healthy under suspicion? A target in doubt is no target while there is another one. */
import { DIMENSIONS, type Dimension } from '../words.js';
import type { DimensionHealth } from './hysteresis.js';
import type { VantageHealth } from './vantage.js';

/** So many failures among the last ten are no chance any more, though they make no verdict yet (that takes five). */
const RECENT_FAILURES_MAX = 2;

/**
 * What speaks against a cluster right now, in one sentence; `null` when nothing does. As with verdicts more than half of
 * the vantages that know anything must say so: a single failed probe of one of three is noise. @replayed
 */
export function doubtOf(healths: readonly VantageHealth[]): string | null {
  const voters = healths.filter((h) => h.verdict !== 'unknown');
  const doubts = voters.flatMap((h) => doubtOfOne(h) ?? []);
  return doubts.length * 2 > voters.length ? (doubts[0] ?? null) : null;
}

function doubtOfOne({ dimensions }: VantageHealth): string | null {
  const doubted = DIMENSIONS.find((d) => isDoubted(dimensions[d]));
  return doubted === undefined ? null : describe(doubted, dimensions[doubted]);
}

function isDoubted({ failures, failing, recent }: DimensionHealth): boolean {
  return failures > 0 || failing !== null || recent.filter(Boolean).length > RECENT_FAILURES_MAX;
}

function describe(dimension: Dimension, { failures, recent, seen }: DimensionHealth): string {
  const bad = recent.filter(Boolean).length;
  const count = failures > 0 ? 'just now' : `${bad} of the last ${recent.length}`;
  return `${dimension}: ${seen === '' ? 'failed' : seen} (${count})`;
}
