/** What a guard hears and what it orders. The workflow turns commands into Temporal calls, and nothing else. */
import type { ErrorCode } from '../errors.js';
import type { ClusterSpec, ServiceSpec } from '../fleet.js';
import type { FleetView } from '../governor/fleet-view.js';
import type { MoveRecord } from '../move-record.js';
import type { MoveInput } from '../plan/types.js';
import type { Redirection } from './redirection.js';
import type { GuardState, Spill } from './state.js';
import type { Attribution, ClusterName, Diagnosis, Weights } from '../words.js';

export type GuardEvent =
  | {
      readonly kind: 'verdict';
      readonly cluster: ClusterName;
      readonly diagnosis: Diagnosis;
      readonly lastGenerationOkAtMs: number | null;
    }
  | {
      readonly kind: 'order';
      readonly verb: 'switchover' | 'failover' | 'failback';
      readonly to?: ClusterName;
      readonly from?: ClusterName;
      readonly attribution: Attribution;
    }
  | { readonly kind: 'freeze'; readonly forMs: number; readonly attribution: Attribution }
  | { readonly kind: 'unfreeze'; readonly attribution: Attribution }
  | {
      readonly kind: 'maintenance';
      readonly cluster: ClusterName;
      /** It ends by itself after this long, ms; 0 ends it now. */
      readonly forMs: number;
      readonly attribution: Attribution;
    }
  | { readonly kind: 'fleet'; readonly view: FleetView }
  | {
      readonly kind: 'move-progress';
      readonly id: string;
      readonly step: string;
      readonly state: string;
      readonly question: string | null;
      readonly touched?: boolean | undefined;
    }
  | { readonly kind: 'move-ended'; readonly id: string; readonly record: MoveRecord }
  | {
      readonly kind: 'configured';
      readonly spec: ServiceSpec;
      readonly clusters: Readonly<Record<ClusterName, ClusterSpec>>;
      /** Where prompts go now, by whom; `null`: where they went. */
      readonly redirection: Pick<Redirection, 'sender' | 'changes'> | null;
    }
  | { readonly kind: 'layer-read'; readonly epoch: number; readonly intended: Weights }
  | { readonly kind: 'spill-held'; readonly id: string; readonly sharePct: number }
  | { readonly kind: 'spill-refused'; readonly id: string; readonly sharePct: number; readonly why: string }
  | { readonly kind: 'timer' };

/** Asks the layer for a share, or for the same one for longer; 0 ends it. */
export interface SpillOrder {
  readonly kind: 'spill';
  readonly id: string;
  readonly epoch: number;
  readonly from: ClusterName;
  readonly to: ClusterName;
  readonly sharePct: number;
  readonly forMs: number;
  /** More than the layer holds now: only if the target proves itself and has room for the difference. */
  readonly prove: { readonly heldPct: number } | null;
}

export type GuardCommand =
  | SpillOrder
  | { readonly kind: 'tell-spill'; readonly spill: Spill; readonly text: string; readonly ended: boolean }
  | { readonly kind: 'start-move'; readonly id: string; readonly input: MoveInput }
  | { readonly kind: 'supersede-move'; readonly id: string; readonly why: string }
  | { readonly kind: 'tell-move'; readonly id: string; readonly cluster: ClusterName; readonly diagnosis: Diagnosis }
  | { readonly kind: 'repair'; readonly epoch: number; readonly weights: Weights }
  | { readonly kind: 'alert'; readonly title: string; readonly text: string };

/** What an operator hears back. */
export type GuardReply =
  | { readonly accepted: true; readonly id: string; readonly message: string }
  | { readonly accepted: false; readonly code: ErrorCode; readonly message: string };

export interface Advance {
  readonly state: GuardState;
  readonly commands: readonly GuardCommand[];
  readonly reply: GuardReply | null;
}
