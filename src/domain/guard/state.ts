/** Everything that a guard remembers. Plain JSON: it is carried through continue-as-new as it is. */
import type { ClusterSpec, ServiceSpec } from '../fleet.js';
import type { MoveRecord } from '../move-record.js';
import type { MoveInput } from '../plan/types.js';
import type { ClusterName, Diagnosis, Weights } from '../words.js';

export const HISTORY_MAX = 50;
export const WHY_NOT_MAX = 50;

export interface KnownCluster {
  readonly diagnosis: Diagnosis;
  readonly lastGenerationOkAtMs: number | null;
}

export interface Freeze {
  readonly by: string;
  readonly reason: string;
  readonly untilMs: number;
}

export interface RunningMove {
  readonly id: string;
  readonly input: MoveInput;
  readonly startedAtMs: number;
  /** As the move last told: its step, `running | paused | asking | going-back`, and its open question. */
  readonly step: string;
  readonly state: string;
  readonly question: string | null;
  /** Set when it was told to give way before it changed anything. */
  readonly superseded: boolean;
}

/** The way home. `soaking` has a due time; every other state says in `why` what is missing. */
export interface Failback {
  readonly state: 'soaking' | 'waiting' | 'by-hand' | 'never';
  readonly dueAtMs: number | null;
  readonly why: string;
}

export interface WhyNot {
  readonly atMs: number;
  readonly trigger: string;
  readonly why: string;
}

export interface GuardState {
  readonly spec: ServiceSpec;
  readonly clusters: Readonly<Record<ClusterName, ClusterSpec>>;
  readonly epoch: number;
  readonly intended: Weights;
  readonly known: Readonly<Record<ClusterName, KnownCluster>>;
  readonly freeze: Freeze | null;
  /** No automatic move before this time, except away from a dead cluster after a move that ended well. */
  readonly cooldownUntilMs: number;
  /** No automatic failback before this time: somebody said no. */
  readonly failbackNotBeforeMs: number;
  readonly move: RunningMove | null;
  readonly failback: Failback | null;
  /** Newest first. */
  readonly history: readonly MoveRecord[];
  readonly whyNot: readonly WhyNot[];
}
