/** May the target take the traffic now? Blockers stop a move before anything is touched; concerns are for a person. */
import type { Doubt } from '../health/doubt.js';
import type { TrafficState } from '../traffic.js';
import type { ClusterName, Unknown, Weights } from '../words.js';
import type { MovePlan, Witness } from './types.js';

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
  /** The layer as it stands: also the counts that the move is measured from. */
  readonly layer: TrafficState;
  /** Requests in flight over all clusters of the service. */
  readonly demand: number | Unknown;
  readonly capacity: number;
  /** What speaks at this moment against members, whatever they are called; absent: nothing does. */
  readonly doubts: Readonly<Record<ClusterName, Doubt>>;
}

/** Who says that something is wrong, and how many there are to be wrong about. */
export interface Sight {
  readonly witness: Witness;
  readonly members: readonly ClusterName[];
  /** Known to be bad for longer: such a member is no target, and no sign of a sick observer. */
  readonly illBefore: readonly ClusterName[];
}

export interface PreflightVerdict {
  readonly blockers: readonly string[];
  readonly concerns: readonly string[];
  /** The target answers, and only what was seen of it lately speaks against it: fit if nobody better is left. */
  readonly onlyDoubted: boolean;
}

type Question = Pick<MovePlan, 'to' | 'from' | 'kind' | 'profile' | 'start' | 'alternatives'>;

/** `plan.alternatives`: targets that were not looked at yet. @replayed */
export function judgePreflight(facts: PreflightFacts, plan: Question, sight: Sight): PreflightVerdict {
  const concerns = findConcerns(facts, plan);
  const blockers = findBlockers(facts, plan);
  const blind = blindnessOf(facts, plan, sight);
  if (blind !== null) blockers.push(blind);
  const doubt = facts.doubts[plan.to];
  if (doubt === undefined) return { blockers, concerns, onlyDoubted: false };
  const sentence = `${plan.to} is in doubt: ${doubt.why}`;
  // What is not urgent waits for the doubt to clear; only an emergency comes back to such a target.
  const isUrgent = plan.profile === 'emergency';
  if (isDoubtTolerable(plan)) return { blockers, concerns: [...concerns, sentence], onlyDoubted: false };
  return { blockers: [...blockers, sentence], concerns, onlyDoubted: isUrgent && blockers.length === 0 };
}

/** A person may wish what he likes, and is asked; nothing is worse than dead, when there is nobody else. */
function isDoubtTolerable({ kind, profile, alternatives }: Question): boolean {
  if (kind !== 'failover') return true;
  return profile === 'emergency' && alternatives.length === 0;
}

/** Only probes say so, and more than half of the members look bad at this moment: it is the observer that is sick. */
function blindnessOf(facts: PreflightFacts, plan: Question, { witness, members, illBefore }: Sight): string | null {
  if (witness !== 'probes' || plan.kind !== 'failover') return null;
  const doubted = members.filter(
    (m) => !plan.from.includes(m) && !illBefore.includes(m) && facts.doubts[m]?.isNew === true,
  );
  if (doubted.length === 0 || (plan.from.length + doubted.length) * 2 <= members.length) return null;
  const why = doubted.map((m) => `${m} is in doubt too (${facts.doubts[m]?.why})`).join(', ');
  return `${why}, and no caller confirms any of it: most likely the observer is at fault`;
}

function findBlockers(facts: PreflightFacts, plan: Question): string[] {
  const blockers: string[] = [];
  if (!facts.completion.ok) blockers.push(`${plan.to} gave no answer to a real completion: ${facts.completion.why}`);
  if (facts.identity !== 'unknown' && facts.identity !== facts.expectedModel) {
    blockers.push(`${plan.to} serves ${facts.identity}, the service needs ${facts.expectedModel}`);
  }
  return blockers;
}

function findConcerns(facts: PreflightFacts, plan: Question): string[] {
  const concerns: string[] = [];
  if (facts.demand !== 'unknown' && facts.demand * COLD_FACTOR > ROOM_SHARE * facts.capacity) {
    concerns.push(
      `${facts.demand} requests in flight, twice that while caches are cold, is more than ${ROOM_SHARE * 100} % of the ${facts.capacity} that ${plan.to} can run`,
    );
  }
  if (!sameWeights(facts.layer.intended, plan.start)) {
    concerns.push(`the traffic layer holds ${weightsText(facts.layer.intended)}, expected ${weightsText(plan.start)}`);
  }
  return concerns;
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
