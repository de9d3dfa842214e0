/** Is a cluster that is called healthy under suspicion? A target in doubt is no target while there is another one. */
import { DIMENSIONS, type Dimension } from '../words.js';
import type { DimensionHealth } from './hysteresis.js';
import type { VantageHealth } from './vantage.js';

/** Bad within this time of each other is "at once": a verdict takes 2 to 16 s, and vantages tick at different moments. */
export const AT_ONCE_MS = 30_000;

/**
 * More failures among the last ten are no chance any more, though they make no verdict yet (that takes five). With a third
 * of all completions failing nearly every vantage counts two; by chance one of them may, but hardly most of several.
 */
const RECENT_FAILURES_MAX = { ofOne: 2, ofSeveral: 1 } as const;

/**
 * Callers that were sent elsewhere cannot take back what they saw: so many completions without any failure since then
 * do, as many as make a cluster healthy by default. Else a cluster that recovered would be in doubt for ever.
 */
const OUTLIVED_BY_COMPLETIONS = 5;

/** What speaks against a cluster that no verdict speaks against. */
export interface Doubt {
  /** One sentence. */
  readonly why: string;
  /** The last look failed, and the trouble began no longer ago than what goes bad at once does. */
  readonly isNew: boolean;
}

/**
 * What speaks against a cluster right now; `null` when nothing does. As with verdicts more than half of
 * the vantages that know anything must say so: a single failed probe of one of three is noise. @replayed
 */
export function doubtOf(healths: readonly VantageHealth[]): Doubt | null {
  const voters = healths.filter((h) => h.verdict !== 'unknown');
  const recentMax = voters.length > 1 ? RECENT_FAILURES_MAX.ofSeveral : RECENT_FAILURES_MAX.ofOne;
  const doubts = voters.flatMap((h) => doubtOfOne(h, recentMax) ?? []);
  if (doubts.length * 2 <= voters.length) return null;
  return doubts.find((doubt) => doubt.isNew) ?? doubts[0] ?? null;
}

function doubtOfOne({ dimensions, good, lastTickAtMs }: VantageHealth, recentMax: number): Doubt | null {
  const outlived = good >= OUTLIVED_BY_COMPLETIONS && dimensions.passive.failing === null;
  const doubted = DIMENSIONS.filter((d) => !(outlived && d === 'passive') && isDoubted(dimensions[d], recentMax));
  const worst = doubted.find((d) => dimensions[d].failures > 0) ?? doubted[0];
  if (worst === undefined) return null;
  const { failures, sinceMs } = dimensions[worst];
  const ageMs = (lastTickAtMs ?? 0) - (sinceMs ?? lastTickAtMs ?? 0);
  return { why: describe(worst, dimensions[worst]), isNew: failures > 0 && ageMs <= AT_ONCE_MS };
}

function isDoubted({ failures, failing, recent }: DimensionHealth, recentMax: number): boolean {
  return failures > 0 || failing !== null || recent.filter(Boolean).length > recentMax;
}

function describe(dimension: Dimension, { failures, recent, seen }: DimensionHealth): string {
  const bad = recent.filter(Boolean).length;
  const count = failures > 0 ? 'just now' : `${bad} of the last ${recent.length}`;
  return `${dimension}: ${seen === '' ? 'failed' : seen} (${count})`;
}
