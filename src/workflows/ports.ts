/** All of the outside that workflows may ask. Activities implement these; neither side knows the other. */
import type { ClusterSpec, ServiceSpec } from '../domain/fleet.js';
import type { StepEvidence } from '../domain/plan/judge-step.js';
import type { PreflightFacts } from '../domain/plan/judge-preflight.js';
import type { PlanStep, Profile } from '../domain/plan/types.js';
import type { Delivered, StoryView } from '../domain/story.js';
import type { TrafficState } from '../domain/traffic.js';
import type { VantageHealth } from '../domain/health/vantage.js';
import type { VantageReport } from '../domain/health/types.js';
import type { ClusterVerdictMessage } from './messages.js';
import type { ClusterName, ServiceName, Unknown, Weights } from '../domain/words.js';

/** Looks, changes nothing. */
export interface Read {
  traffic(query: { readonly service: ServiceName }): Promise<TrafficState>;
  preflight(query: {
    readonly service: ServiceName;
    readonly target: ClusterSpec;
    readonly profile: Profile;
    /** Whose present doubts are asked for too: every member's, when only probes complain. */
    readonly doubtful: readonly ClusterName[];
    /** Last completion known to have succeeded there, ms; a fresh one spares an emergency the wait for another. */
    readonly provenAtMs: number | null;
  }): Promise<PreflightFacts>;
  /** Watches one step until its gate says something other than `wait`; pads thin traffic with completions of its own. */
  watchStep(query: {
    readonly service: ServiceName;
    /** The clusters that gain traffic. */
    readonly targets: readonly ClusterSpec[];
    readonly step: PlanStep;
    /** Counts when the step began. */
    readonly baseline: TrafficState;
  }): Promise<StepEvidence>;
  /** Returns only when the layer no longer holds what it should (or to rotate): a weight changed by hand, a table lost. */
  watchDrift(query: {
    readonly service: ServiceName;
    readonly epoch: number;
    readonly intended: Weights;
    readonly rotateAfterMs: number;
    /** Between two looks; absent from a guard of an older version: the default. */
    readonly everyMs?: number;
  }): Promise<{ readonly drifted: boolean }>;
  /** Notifiers that are configured, in the order in which they are told. */
  notifiers(): Promise<readonly string[]>;
}

/** Which write of which move this is: a layer lets none pass that is older than what it holds. */
export interface WriteOf {
  readonly service: ServiceName;
  readonly epoch: number;
  /** Grows with each write of the move; absent: of a version that did not count, or not of a move. */
  readonly step?: number;
}

/** Everything that can hurt. Each call carries the epoch of its move and may be repeated. */
export interface Mutate {
  define(order: { readonly spec: ServiceSpec; readonly clusters: readonly ClusterSpec[] }): Promise<TrafficState>;
  forget(order: { readonly service: ServiceName }): Promise<void>;
  fence(order: WriteOf): Promise<TrafficState>;
  shift(order: WriteOf & { readonly weights: Weights }): Promise<TrafficState>;
  /** Answers why nothing was changed; `null`: the layer holds it now. */
  spill(order: {
    readonly service: ServiceName;
    readonly epoch: number;
    readonly from: ClusterName;
    readonly to: ClusterName;
    readonly sharePct: number;
    readonly forMs: number;
  }): Promise<{ readonly refused: string | null }>;
  /** A few completions, and where the layer knows them the hottest beginnings of prompts. Their failure is an answer. */
  warmUp(order: WriteOf & { readonly target: ClusterSpec; readonly timeoutMs: number }): Promise<{
    readonly completions: number;
    /** `null`: the layer knows none, or did not answer. */
    readonly prefixes: number | null;
    readonly tookMs: number;
  }>;
  /** Returns at its deadline instead of failing: what is left is an answer. */
  drain(
    order: WriteOf & { readonly cluster: ClusterSpec; readonly rehome: boolean; readonly timeoutMs: number },
  ): Promise<{ readonly left: number | Unknown; readonly tookMs: number }>;
  undrain(order: WriteOf & { readonly cluster: ClusterName }): Promise<void>;
}

/** Tells people; may take hours when they cannot be reached, and nothing waits for it. */
export interface Notify {
  publish(order: {
    readonly notifier: string;
    readonly view: StoryView;
    readonly delivered: Delivered;
    /** An earlier order may have got through without an answer: look before posting. Absent: no. */
    readonly maybe?: boolean;
  }): Promise<Delivered>;
}

/** From a cluster's workflow to the guards of its services. */
export interface Tell {
  /** Answers with the services that have no guard (yet): those ask for themselves when they begin. */
  tellGuards(order: {
    readonly services: readonly ServiceName[];
    readonly message: ClusterVerdictMessage;
  }): Promise<{ readonly absent: readonly ServiceName[] }>;
}

export interface WatchOrder {
  readonly cluster: ClusterSpec;
  readonly vantage: string;
  /** Services whose real traffic reaches this cluster: what the gateway saw is asked for each. */
  readonly services: readonly ServiceName[];
  /** State of an earlier watch, so that hysteresis survives; `null` to begin anew. */
  readonly health: VantageHealth | null;
  /** Return even without news after this long, so that versions drain, ms. */
  readonly rotateAfterMs: number;
}

export interface WatchResult {
  readonly why: 'verdict' | 'rotate';
  readonly report: VantageReport;
  readonly health: VantageHealth;
}

/** On `probe.<vantage>` only. */
export interface Watch {
  watchCluster(order: WatchOrder): Promise<WatchResult>;
}
