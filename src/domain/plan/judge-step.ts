/** Is the target well enough after this weight change? Facts in, one word and one reason out. */
import { ERRORS_TEST, SLOWNESS_TEST, sequentialTest } from './sprt.js';
import type { StepGate } from './types.js';

/** What was seen of the clusters that gain traffic since the step began: real requests and our own completions. */
export interface StepEvidence {
  readonly elapsedMs: number;
  /** Whether the weights read back from the layer are those of the step. */
  readonly effective: boolean;
  readonly ok: number;
  /** Failures that the cluster must answer for, cut streams not among them. */
  readonly errors: number;
  readonly cut: number;
  /** Requests whose first token came later than the gate allows; of `ok`. */
  readonly slow: number;
  /** How many of the events were completions of our own. */
  readonly synthetic: number;
  /** Last error in words, for people; `null` when there was none. */
  readonly lastError: string | null;
}

export type StepVerdict =
  | { readonly kind: 'wait' }
  | { readonly kind: 'proceed'; readonly because: string }
  | { readonly kind: 'abort'; readonly because: string }
  | { readonly kind: 'ask'; readonly because: string };

/**
 * Rules in order of severity. An emergency step never asks: nothing is worse than a dead source.
 * @replayed
 */
export function judgeStep(seen: StepEvidence, gate: StepGate): StepVerdict {
  const bad = seen.errors + seen.cut;
  const total = seen.ok + bad;
  const errors = sequentialTest(seen.ok, bad, ERRORS_TEST);
  if (errors === 'abort') return { kind: 'abort', because: failureSentence(seen, bad, total) };
  const slowness =
    gate.slowFirstTokenMs === null ? 'accept' : sequentialTest(seen.ok - seen.slow, seen.slow, SLOWNESS_TEST);
  if (slowness === 'abort') {
    return {
      kind: 'abort',
      because: `${seen.slow} of ${seen.ok} first tokens came later than ${gate.slowFirstTokenMs} ms`,
    };
  }
  const accepted = errors === 'accept' && slowness === 'accept' && seen.effective;
  if (accepted && seen.elapsedMs >= gate.bakeMs) {
    return { kind: 'proceed', because: `${total} requests, ${bad} failed, ${seen.slow} slow` };
  }
  if (seen.elapsedMs < gate.deadlineMs) return { kind: 'wait' };
  const undecided = undecidedSentence(seen, total);
  return gate.undecided === 'proceed' ? { kind: 'proceed', because: undecided } : { kind: 'ask', because: undecided };
}

function failureSentence(seen: StepEvidence, bad: number, total: number): string {
  const last = seen.lastError === null ? '' : `; last: ${seen.lastError}`;
  return `${bad} of ${total} requests failed (${seen.cut} cut)${last}`;
}

function undecidedSentence(seen: StepEvidence, total: number): string {
  const seconds = Math.round(seen.elapsedMs / 100) / 10;
  if (!seen.effective) return `the new weights were not effective after ${seconds} s`;
  return `${total} requests in ${seconds} s are too few to decide`;
}
