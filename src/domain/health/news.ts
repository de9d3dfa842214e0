/** What is worth telling: another verdict, or that callers now confirm a failing one. */
import type { Diagnosis, Evidence, Verdict } from '../words.js';
import { isFailing } from './quorum.js';

interface Told {
  readonly verdict: Verdict;
  readonly evidence: readonly Evidence[];
}

/** A failing verdict that real requests bear witness to. @replayed */
export const doCallersConfirm = (told: Told | undefined): boolean =>
  told !== undefined && isFailing(told.verdict) && told.evidence.some((e) => e.dimension === 'passive');

/**
 * Testimony counts when it is gained, not when it ends: callers fall silent as soon as the traffic has left. @replayed
 */
export function isNews(before: Told | Diagnosis, after: Told | Diagnosis): boolean {
  return before.verdict !== after.verdict || (!doCallersConfirm(before) && doCallersConfirm(after));
}
