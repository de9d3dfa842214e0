/** Turns single outcomes into a state that does not twitch: `fall` failures in a row, or `failures` of the last `of`, and `rise` successes back. */
import type { HealthSettings } from '../fleet.js';
import { printable } from '../printable.js';

/** What one tick says of one dimension. `unknown` changes nothing: it is neither a failure nor a success. */
export type Outcome =
  | { readonly kind: 'ok' }
  | { readonly kind: 'failed'; readonly seen: string; readonly threshold?: string }
  | { readonly kind: 'unknown' };

/** Of one fact of evidence, and of its limit. */
const SEEN_CHARS_MAX = 200;

export const OK: Outcome = { kind: 'ok' };
export const UNKNOWN: Outcome = { kind: 'unknown' };
/** Every evidence begins here, and travels in heartbeats, signals and histories: printable and bounded from the start. */
export const failed = (seen: string, threshold?: string): Outcome => ({
  kind: 'failed',
  seen: printable(seen, SEEN_CHARS_MAX),
  ...(threshold === undefined ? {} : { threshold: printable(threshold, SEEN_CHARS_MAX) }),
});

export interface DimensionHealth {
  /** In a row; a success ends the row. */
  readonly failures: number;
  /** In a row, counted up to `rise`; a failure ends the row. */
  readonly successes: number;
  /** The last `gray.of` outcomes, newest last; `true` is a failure. */
  readonly recent: readonly boolean[];
  /** `row` and `gray` say which rule made it fail; `null`: it does not. It stays until `rise` successes in a row. */
  readonly failing: 'row' | 'gray' | null;
  /** First failure of the present trouble, ms; `null` without one. */
  readonly sinceMs: number | null;
  /** First failure of the present row, ms; `null` without one. A blip a moment before is part of the trouble, not of the row. */
  readonly rowSinceMs: number | null;
  /** The last failure in words, and the limit that it broke. */
  readonly seen: string;
  readonly threshold: string;
}

export const FRESH_DIMENSION: DimensionHealth = {
  failures: 0,
  successes: 0,
  recent: [],
  failing: null,
  sinceMs: null,
  rowSinceMs: null,
  seen: '',
  threshold: '',
};

/** Settings of a signal that is confirmed before it gets here, such as a counter that stood still for 10 s. */
export const atOnce = (settings: HealthSettings): HealthSettings => ({ ...settings, fall: 1 });

/** One more outcome. Pure; `atMs` dates the first failure of a row. @replayed */
export function countOutcome(
  before: DimensionHealth,
  outcome: Outcome,
  settings: HealthSettings,
  atMs: number,
): DimensionHealth {
  if (outcome.kind === 'unknown') return before;
  // By far the most frequent case: one more success of a dimension that has nothing left to forget.
  if (outcome.kind === 'ok' && isSettled(before, settings)) return before;
  const recent = [...before.recent, outcome.kind === 'failed'].slice(-settings.gray.of);
  if (outcome.kind === 'ok') return countSuccess({ ...before, recent }, settings);
  const failures = before.failures + 1;
  const grayFailures = recent.filter(Boolean).length;
  const reached = failures >= settings.fall ? 'row' : grayFailures >= settings.gray.failures ? 'gray' : null;
  return {
    failures,
    successes: 0,
    recent,
    // A gray trouble may harden into a row; a row does not soften while it lasts.
    failing: before.failing === 'row' ? 'row' : (reached ?? before.failing),
    sinceMs: before.sinceMs ?? atMs,
    rowSinceMs: before.failures === 0 ? atMs : before.rowSinceMs,
    seen: outcome.seen,
    threshold: outcome.threshold ?? thresholdOf(reached, settings),
  };
}

function isSettled({ failing, failures, successes, recent }: DimensionHealth, { rise, gray }: HealthSettings): boolean {
  if (failing !== null || failures > 0 || successes < rise || recent.length < gray.of) return false;
  return !recent.includes(true);
}

function countSuccess(before: DimensionHealth, settings: HealthSettings): DimensionHealth {
  const successes = Math.min(before.successes + 1, settings.rise);
  if (before.failing === null) {
    // A window that still holds failures keeps the date of the first: a gray trouble is dated by its beginning.
    const sinceMs = before.recent.includes(true) ? before.sinceMs : null;
    return { ...before, failures: 0, successes, sinceMs, rowSinceMs: null };
  }
  if (successes < settings.rise) return { ...before, failures: 0, successes, rowSinceMs: null };
  return { ...FRESH_DIMENSION, successes };
}

/** Forget what is not confirmed yet: after a gap nobody knows what happened in between. @replayed */
export function forgetDoubt(before: DimensionHealth): DimensionHealth {
  return before.failing === null ? FRESH_DIMENSION : { ...before, successes: 0 };
}

function thresholdOf(reached: 'row' | 'gray' | null, settings: HealthSettings): string {
  if (reached === 'gray') return `${settings.gray.failures} failures of ${settings.gray.of}`;
  return `${settings.fall} failures in a row`;
}
