/** What is worth telling: another verdict, that callers now confirm a failing one, or that another vantage is lost or back. */
import type { Diagnosis, Evidence, Vantage, Verdict } from '../words.js';
import { isFailing } from './quorum.js';

interface Told {
  readonly verdict: Verdict;
  readonly evidence: readonly Evidence[];
  readonly unwatchedFrom?: readonly Vantage[];
}

/** A failing verdict that real requests bear witness to. @replayed */
export const doCallersConfirm = (told: Told | undefined): boolean =>
  told !== undefined && isFailing(told.verdict) && told.evidence.some((e) => e.dimension === 'passive');

/**
 * Testimony counts when it is gained, not when it ends: callers fall silent as soon as the traffic has left. @replayed
 */
export function isNews(before: Told | Diagnosis, after: Told | Diagnosis): boolean {
  if (before.verdict !== after.verdict || sightOf(before) !== sightOf(after)) return true;
  return !doCallersConfirm(before) && doCallersConfirm(after);
}

const sightOf = ({ unwatchedFrom = [] }: Told | Diagnosis): string => unwatchedFrom.join();
