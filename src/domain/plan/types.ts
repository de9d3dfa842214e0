/** A move as it is planned: no choice is left in it, and its retreat is a part of it. */
import type { ClusterSpec, ServiceSpec } from '../fleet.js';
import type { Attribution, ClusterName, MoveKind, ServiceName, Weights } from '../words.js';

/** `emergency`: the source is dead or stuck. `degraded`: it limps. `planned`: it is well. */
export type Profile = 'emergency' | 'degraded' | 'planned';

/** Who vouches for the reason of a move: callers who fail, probes alone, or a person who ordered it. */
export type Witness = 'callers' | 'probes' | 'person';

export interface StepGate {
  /** Shortest watch after the change, ms. */
  readonly bakeMs: number;
  /** Longest wait for a verdict, ms. */
  readonly deadlineMs: number;
  /** What an undecided step does at its deadline. */
  readonly undecided: 'proceed' | 'ask';
  /** A first token later than this is slow, ms; `null`: slowness does not matter (emergency). */
  readonly slowFirstTokenMs: number | null;
}

export interface PlanStep {
  /** e.g. `25 %` */
  readonly name: string;
  readonly weights: Weights;
  readonly gate: StepGate;
}

export interface MovePlan {
  readonly service: ServiceName;
  readonly kind: MoveKind;
  readonly profile: Profile;
  /** The clusters that lose traffic; more than one when several were active. */
  readonly from: readonly ClusterName[];
  readonly to: ClusterName;
  /** Where the traffic was when the plan was made. */
  readonly start: Weights;
  readonly steps: readonly PlanStep[];
  /** Whether the weights at the start may be gone back to: false when a cluster that has weight there is dead or stuck. */
  readonly canGoBack: boolean;
  /** Other targets, best first, for a move that cannot go back. */
  readonly alternatives: readonly ClusterName[];
  readonly warm: boolean;
  /** Requests that wait on the source without a first byte are sent elsewhere at once: right for a dead source only. */
  readonly rehome: boolean;
  /** Whether a person must say yes before the first change. */
  readonly approval: 'none' | 'required';
  readonly approvalTimeoutMs: number;
  readonly drainTimeoutMs: number;
  /** An absence of the traffic layer that lasted so long is asked about when it is over; absent: the move goes on. */
  readonly afterAbsence?: { readonly asksFromMs: number };
  /** Sources that stay drained when the move is over, for somebody works on them; absent in moves of older versions. */
  readonly keepDrained?: readonly ClusterName[];
}

export interface MoveInput {
  readonly plan: MovePlan;
  readonly epoch: number;
  readonly attribution: Attribution;
  /** One line: what led to this move, with evidence. */
  readonly cause: string;
  /** Wall clock, ms: when the verdict stood that led to this move; `null` for planned moves. */
  readonly detectedAtMs: number | null;
  readonly witness: Witness;
  /** Members that have been bad for so long that they are no sign of a sick observer (guard/panic.ts). */
  readonly illBefore: readonly ClusterName[];
  /** Last completion that a prober saw succeed on the target, ms. */
  readonly targetProvenAtMs: number | null;
  /** The members as configured, by name. */
  readonly clusters: Readonly<Record<ClusterName, ClusterSpec>>;
  readonly service: ServiceSpec;
  /** The clusters that were dead or stuck when the move began. */
  readonly down: readonly ClusterName[];
}
