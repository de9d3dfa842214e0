/** A finished move as `history --json` shows it (docs/json.md keeps the shape stable). Times are ISO 8601, UTC. */
import type { Attribution, ClusterName, MoveKind, Weights } from './words.js';

export const MOVE_END_STATES = ['done', 'rolled-back', 'held', 'failed', 'aborted'] as const;
export type MoveEndState = (typeof MOVE_END_STATES)[number];

export interface MoveStepRecord {
  readonly name: string;
  readonly at: string;
  readonly weights: Weights | null;
  readonly verdict: string | null;
  readonly why: string | null;
}

export interface MoveReport {
  /** First failure that real traffic met; `null` when nothing had failed. */
  readonly faultAt: string | null;
  readonly detectedAt: string | null;
  readonly firstShiftAt: string | null;
  /** The target carries all. */
  readonly shiftedAt: string | null;
  /** Callers are served without failure again. */
  readonly recoveredAt: string | null;
  readonly requests: {
    readonly total: number;
    readonly ok: number;
    readonly lost: number;
    readonly cut: number;
    readonly continued: number;
    readonly retried: number;
  } | null;
}

/** Of a move that nobody could measure. */
export const NO_REPORT: MoveReport = {
  faultAt: null,
  detectedAt: null,
  firstShiftAt: null,
  shiftedAt: null,
  recoveredAt: null,
  requests: null,
};

export interface MoveRecord {
  readonly id: string;
  readonly kind: MoveKind;
  readonly from: readonly ClusterName[];
  readonly to: ClusterName;
  readonly reason: string;
  readonly by: string;
  readonly via: Attribution['via'];
  /** The person who ended it early; `null` when it ended by itself. */
  readonly endedBy: string | null;
  readonly state: MoveEndState;
  /** One sentence: why it ended so. */
  readonly why: string;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly steps: readonly MoveStepRecord[];
  readonly report: MoveReport;
  /** Weights at the end, as read back from the layer. */
  readonly weights: Weights;
}
