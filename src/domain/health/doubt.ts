/** Is a cluster that is called healthy under suspicion? A target in doubt is no target while there is another one. */
import { DIMENSIONS, type Dimension } from '../words.js';
import type { DimensionHealth } from './hysteresis.js';
import type { VantageHealth } from './vantage.js';

/** So many failures among the last ten are no chance any more, though they make no verdict yet (that takes five). */
const RECENT_FAILURES_MAX = 2;

/**
 * Callers that were sent elsewhere cannot take back what they saw: so many completions without any failure since then
 * do, as many as make a cluster healthy by default. Else a cluster that recovered would be in doubt for ever.
 */
const OUTLIVED_BY_COMPLETIONS = 5;

/**
 * What speaks against a cluster right now, in one sentence; `null` when nothing does. As with verdicts more than half of
 * the vantages that know anything must say so: a single failed probe of one of three is noise. @replayed
 */
export function doubtOf(healths: readonly VantageHealth[]): string | null {
  const voters = healths.filter((h) => h.verdict !== 'unknown');
  const doubts = voters.flatMap((h) => doubtOfOne(h) ?? []);
  return doubts.length * 2 > voters.length ? (doubts[0] ?? null) : null;
}

function doubtOfOne({ dimensions, good }: VantageHealth): string | null {
  const outlived = good >= OUTLIVED_BY_COMPLETIONS && dimensions.passive.failing === null;
  const doubted = DIMENSIONS.find((d) => !(outlived && d === 'passive') && isDoubted(dimensions[d]));
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
