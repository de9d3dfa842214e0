/**
 * Every message that our workflows understand. Verbs exist twice under one name: as an update, which answers, and as a
 * signal, which Temporal's own CLI and UI can send. What comes by signal is checked by hand (`read-message.ts`): a
 * wrong one is recorded and answered in the story, it never fails a workflow task.
 */
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { ClusterSpec, ServiceSpec } from '../domain/fleet.js';
import type { ErrorCode } from '../domain/errors.js';
import type { FleetView } from '../domain/governor/fleet-view.js';
import type { GovernorState, ServiceReport } from '../domain/governor/governor.js';
import type { Explanation } from '../domain/guard/explain.js';
import type { Sender } from '../domain/guard/redirection.js';
import type { GuardView } from '../domain/guard/view.js';
import type { VantageReport } from '../domain/health/types.js';
import type { MoveRecord } from '../domain/move-record.js';
import type { StoryHead, StoryLine } from '../domain/story.js';
import type { Attribution, ClusterName, Diagnosis, ServiceName, Vantage } from '../domain/words.js';

/** The answer to a verb. `accepted: false` means that nothing was touched. */
export type VerbReply =
  | { readonly accepted: true; readonly id: string; readonly state: string; readonly message: string }
  | { readonly accepted: false; readonly code: ErrorCode; readonly message: string };

// --- cluster/<name> ---

export interface ClusterHealthOrder {
  /** Who sends it; what was left out is a signal by hand, or by an older version. */
  readonly sender?: Sender;
  readonly spec: ClusterSpec;
  readonly vantages: readonly Vantage[];
  /** Services whose guards hear of changes. */
  readonly services: readonly ServiceName[];
}

export interface ClusterHealthView {
  readonly cluster: ClusterName;
  readonly diagnosis: Diagnosis;
  readonly vantages: readonly VantageReport[];
}

export const configureClusterSignal = defineSignal<[ClusterHealthOrder]>('configure');
export const retireSignal = defineSignal('retire');
export const clusterHealthQuery = defineQuery<ClusterHealthView>('health');
/** What it was last configured with: `apply` shows the difference to it. */
export const clusterOrderQuery = defineQuery<ClusterHealthOrder>('order');

// --- service/<name> ---

export interface ClusterVerdictMessage {
  readonly cluster: ClusterName;
  readonly diagnosis: Diagnosis;
  /** Last completion that a prober saw succeed, ms. */
  readonly lastGenerationOkAtMs: number | null;
}

export interface GuardOrder {
  readonly sender?: Sender;
  readonly spec: ServiceSpec;
  readonly clusters: readonly ClusterSpec[];
}

export interface MoveRequest extends Attribution {
  readonly to?: ClusterName;
  readonly from?: ClusterName;
}

export interface FreezeRequest extends Attribution {
  /** It ends by itself after this long, ms. */
  readonly forMs: number;
}

export interface MaintenanceRequest extends Attribution {
  readonly cluster: ClusterName;
  /** It ends by itself after this long, ms; 0 ends it now. */
  readonly forMs: number;
}

export const clusterVerdictSignal = defineSignal<[ClusterVerdictMessage]>('cluster-verdict');
export const configureGuardSignal = defineSignal<[GuardOrder]>('configure');
/** Asks a cluster's workflow to tell its present verdict again: sent by a guard that has just begun. */
export const tellVerdictSignal = defineSignal<[{ readonly service: ServiceName }]>('tell-verdict');

export const switchoverUpdate = defineUpdate<VerbReply, [MoveRequest]>('switchover');
export const failoverUpdate = defineUpdate<VerbReply, [MoveRequest]>('failover');
export const failbackUpdate = defineUpdate<VerbReply, [MoveRequest]>('failback');
export const freezeUpdate = defineUpdate<VerbReply, [FreezeRequest]>('freeze');
export const maintenanceUpdate = defineUpdate<VerbReply, [MaintenanceRequest]>('maintenance');
export const unfreezeUpdate = defineUpdate<VerbReply, [Attribution]>('unfreeze');

export const guardViewQuery = defineQuery<GuardView>('status');
/** What would happen now, and why the last decision fell as it did. */
export const explainQuery = defineQuery<Explanation>('explain');
/** What it was last configured with: `apply` shows the difference to it. */
export const guardOrderQuery = defineQuery<GuardOrder>('order');
/** Newest first. */
export const historyQuery = defineQuery<readonly MoveRecord[]>('history');

// --- move/<service>/<epoch>; `approve` and `decline` also service/<name> ---

export interface MoveView {
  readonly id: string;
  /** e.g. `preflight`, `ramp 25 %`, `drain eu-a` */
  readonly step: string;
  /** `waiting`: for a traffic layer that gives no answer. */
  readonly state: 'running' | 'waiting' | 'paused' | 'asking' | 'going-back' | 'ended';
  /** The open question; `null` when nobody is asked. */
  readonly question: string | null;
  /** Whether any weight was changed; absent in what an older version tells. */
  readonly touched?: boolean;
}

export const abortUpdate = defineUpdate<VerbReply, [Attribution]>('abort');
export const pauseUpdate = defineUpdate<VerbReply, [Attribution]>('pause');
export const resumeUpdate = defineUpdate<VerbReply, [Attribution]>('resume');
export const skipStepUpdate = defineUpdate<VerbReply, [Attribution]>('skip-step');
export const approveUpdate = defineUpdate<VerbReply, [Attribution]>('approve');
export const declineUpdate = defineUpdate<VerbReply, [Attribution]>('decline');
export const moveViewQuery = defineQuery<MoveView>('status');
/** From a move to its guard: a person is asked, or no longer. */
export const moveProgressSignal = defineSignal<[MoveView]>('move-progress');

/** Verbs that a signal may carry, by their wire name. */
export const VERBS = [
  'switchover',
  'failover',
  'failback',
  'freeze',
  'unfreeze',
  'maintenance',
  'abort',
  'pause',
  'resume',
  'skip-step',
  'approve',
  'decline',
] as const;
export type Verb = (typeof VERBS)[number];

// --- governor ---

/** From a guard, whenever something in it changed. */
export const reportSignal = defineSignal<[ServiceReport]>('report');
export const leaveFleetSignal = defineSignal<[{ readonly service: ServiceName }]>('leave');
/** From the governor to every guard: what holds automation back, and until when. */
export const fleetViewSignal = defineSignal<[FleetView]>('fleet-view');
export const fleetQuery = defineQuery<GovernorState>('fleet');

// --- story/<about> ---

export interface StoryUpdate {
  readonly head: StoryHead;
  readonly lines: readonly StoryLine[];
  readonly ended: boolean;
}
export const tellStorySignal = defineSignal<[StoryUpdate]>('tell');
