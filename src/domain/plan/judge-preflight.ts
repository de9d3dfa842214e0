/** May the target take the traffic now? Blockers stop a move before anything is touched; concerns are for a person. */
import type { Unknown, Weights } from '../words.js';
import type { Profile } from './types.js';

/** In an emergency a completion that is no older than this proves the target: nothing may delay the first weight. */
export const PROOF_AGE_MS_MAX = 5_000;

/**
 * A cold prefix cache makes the same demand dearer, and four fifths of the slots is where queues begin to grow:
 * demand x COLD_FACTOR <= ROOM_SHARE x capacity.
 */
export const COLD_FACTOR = 2;
export const ROOM_SHARE = 0.8;

export interface PreflightFacts {
  /** Whether a real completion succeeded; `unknown` when none was asked for (emergency with a fresh proof). */
  readonly completion: { readonly ok: boolean; readonly why: string };
  /** Model id that the target says it serves; `unknown` when it does not say. */
  readonly identity: string | Unknown;
  readonly expectedModel: string;
  readonly layer: { readonly epoch: number; readonly intended: Weights; readonly effective: Weights };
  /** Requests in flight over all clusters of the service. */
  readonly demand: number | Unknown;
  readonly capacity: number;
}

export interface PreflightVerdict {
  readonly blockers: readonly string[];
  readonly concerns: readonly string[];
}

/** @replayed */
export function judgePreflight(
  facts: PreflightFacts,
  plan: { readonly to: string; readonly profile: Profile; readonly start: Weights },
): PreflightVerdict {
  const blockers: string[] = [];
  const concerns: string[] = [];
  if (!facts.completion.ok) blockers.push(`${plan.to} gave no answer to a real completion: ${facts.completion.why}`);
  if (facts.identity !== 'unknown' && facts.identity !== facts.expectedModel) {
    blockers.push(`${plan.to} serves ${facts.identity}, the service needs ${facts.expectedModel}`);
  }
  if (facts.demand !== 'unknown' && facts.demand * COLD_FACTOR > ROOM_SHARE * facts.capacity) {
    concerns.push(
      `${facts.demand} requests in flight, twice that while caches are cold, is more than ${ROOM_SHARE * 100} % of the ${facts.capacity} that ${plan.to} can run`,
    );
  }
  if (!sameWeights(facts.layer.intended, plan.start)) {
    concerns.push(`the traffic layer holds ${weightsText(facts.layer.intended)}, expected ${weightsText(plan.start)}`);
  }
  return { blockers, concerns };
}

/** Equal to a hundredth of a percent; a cluster that one side does not name has no weight there. */
export function sameWeights(a: Weights, b: Weights): boolean {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].every((name) => Math.abs((a[name] ?? 0) - (b[name] ?? 0)) < 0.01);
}

/** e.g. `eu-a 75 %, us-b 25 %` */
export function weightsText(weights: Weights): string {
  return Object.entries(weights)
    .map(([name, pct]) => `${name} ${Math.round(pct * 100) / 100} %`)
    .join(', ');
}
