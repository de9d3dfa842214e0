/** A move as it is planned: no choice is left in it, and its retreat is a part of it. */
import type { Attribution, ClusterName, MoveKind, ServiceName, Weights } from '../words.js';

/** `emergency`: the source is dead or stuck. `degraded`: it limps. `planned`: it is well. */
export type Profile = 'emergency' | 'degraded' | 'planned';

export interface StepGate {
  /** Shortest watch after the change, ms. */
  readonly bakeMs: number;
  /** Longest wait for a verdict, ms. */
  readonly deadlineMs: number;
  /** What an undecided step does at its deadline. */
  readonly undecided: 'proceed' | 'ask';
  /** A first token later than this is slow, ms. */
  readonly slowFirstTokenMs: number;
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
  /** Weights to ramp back through, first one first; `null` when there is nothing living to go back to. */
  readonly retreat: readonly Weights[] | null;
  /** Other targets, best first, for a move that cannot go back. */
  readonly alternatives: readonly ClusterName[];
  readonly warm: boolean;
  /** Whether a person must say yes before the first change. */
  readonly approval: 'none' | 'required';
  readonly approvalTimeoutMs: number;
  readonly drainTimeoutMs: number;
}

export interface MoveInput {
  readonly plan: MovePlan;
  readonly epoch: number;
  readonly attribution: Attribution;
  /** Wall clock, ms: when the verdict stood that led to this move; `null` for planned moves. */
  readonly detectedAtMs: number | null;
}
