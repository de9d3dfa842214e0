/** Everything that a guard remembers. Plain JSON: it is carried through continue-as-new as it is. */
import type { ClusterSpec, ServiceSpec } from '../fleet.js';
import type { FleetView } from '../governor/fleet-view.js';
import type { MoveRecord } from '../move-record.js';
import type { MoveInput } from '../plan/types.js';
import type { Redirection } from './redirection.js';
import type { ClusterName, Diagnosis, Weights } from '../words.js';

export const HISTORY_MAX = 50;
export const WHY_NOT_MAX = 50;

export interface KnownCluster {
  readonly diagnosis: Diagnosis;
  readonly lastGenerationOkAtMs: number | null;
  /** When it went bad (failing or unreachable); `null` when it has been well since, ms. */
  readonly illSinceMs: number | null;
  /** Whether a failing verdict is part of that. */
  readonly failed: boolean;
  /** When it last became well after a failing verdict, ms; `null`: never. */
  readonly healedAtMs: number | null;
}

/** Something temporary that a person ordered: with an owner, a reason and an end. */
export interface Lease {
  readonly by: string;
  readonly reason: string;
  readonly untilMs: number;
}
export type Freeze = Lease;
export type Maintenance = Lease;

/** What an overloaded cluster hands over for a while (spill.ts). No move: epoch, weights and history stay. */
export interface Spill {
  /** Also the name of its story. */
  readonly id: string;
  readonly from: ClusterName;
  readonly to: ClusterName;
  /** Percent of what `from` would get, as the layer last agreed; 0: it has not agreed yet. */
  readonly sharePct: number;
  /** One line, with evidence. */
  readonly because: string;
  readonly sinceMs: number;
  /** When the share last changed, ms. */
  readonly changedAtMs: number;
  /** When the layer lets it end, unless it is renewed, ms. */
  readonly untilMs: number;
  readonly lookAtMs: number;
}

/** A cluster that could not take what should spill over: not asked again before `untilMs`. */
export interface SpillRefusal {
  readonly why: string;
  readonly untilMs: number;
}

/** Unrest of a service: grows with every failover and every verdict that healed itself, and decays (damping.ts). */
export interface Penalty {
  readonly value: number;
  readonly atMs: number;
}

export interface RunningMove {
  readonly id: string;
  readonly input: MoveInput;
  readonly startedAtMs: number;
  /** As the move last told: its step, `running | waiting | paused | asking | going-back`, and its open question. */
  readonly step: string;
  readonly state: string;
  readonly question: string | null;
  /** Whether it has changed any weight; absent: of a version that did not tell. */
  readonly touched?: boolean;
  /** Set when it was told to wait for nobody any more. */
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
  /** Clusters that are no target and no trigger for a while. */
  readonly maintenance: Readonly<Record<ClusterName, Maintenance>>;
  readonly penalty: Penalty;
  /** What the governor told last; `null`: nothing yet, which holds nobody back. */
  readonly fleet: FleetView | null;
  /** When automatic moves that touched the traffic began, newest first, ms: what the storm brake counts. */
  readonly automaticAtMs: readonly number[];
  /** No automatic move before this time, except away from a dead cluster after a move that ended well. */
  readonly cooldownUntilMs: number;
  /** No automatic failback before this time: somebody said no. */
  readonly failbackNotBeforeMs: number;
  readonly move: RunningMove | null;
  readonly failback: Failback | null;
  readonly spill: Spill | null;
  readonly spillRefused: Readonly<Record<ClusterName, SpillRefusal>>;
  /** Newest first. */
  readonly history: readonly MoveRecord[];
  readonly whyNot: readonly WhyNot[];
  /** Newest first: changes of where prompts go. */
  readonly redirections: readonly Redirection[];
}
