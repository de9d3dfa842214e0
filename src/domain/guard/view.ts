/** What `status --json` shows of a service (docs/json.md keeps the shape stable). Times are ISO 8601, UTC. */
import type { MoveKind, Mode, ServiceName, Strategy, Verdict, Weights } from '../words.js';

export interface GuardClusterView {
  readonly name: string;
  readonly role: string;
  readonly verdict: Verdict;
  readonly since: string | null;
  /** One sentence a fact. */
  readonly evidence: readonly string[];
  readonly intended: number;
  /** Vantages from which nobody watches it, though somebody should; absent without any. */
  readonly unwatchedFrom?: readonly string[];
  /** Owner, reason and end; absent when nobody works on it. */
  readonly maintenance?: { readonly by: string; readonly reason: string; readonly until: string };
}

export interface GuardView {
  readonly name: ServiceName;
  readonly mode: Mode;
  /** Owner, reason and end of a freeze; `null` when the mode is the configured one. */
  readonly frozen: { readonly by: string; readonly reason: string; readonly until: string } | null;
  readonly epoch: number;
  readonly strategy: Strategy;
  readonly intended: Weights;
  readonly clusters: readonly GuardClusterView[];
  readonly move: null | {
    readonly id: string;
    readonly kind: MoveKind;
    readonly from: readonly string[];
    readonly to: string;
    readonly step: string;
    readonly state: string;
    readonly question: string | null;
    readonly startedAt: string;
  };
  readonly failback: null | { readonly dueAt: string | null; readonly state: string; readonly why: string };
  /** What an overloaded cluster hands over for a while; absent: nothing. */
  readonly spill?: {
    readonly from: string;
    readonly to: string;
    /** Percent of what `from` would get. */
    readonly sharePct: number;
    readonly since: string;
    readonly until: string;
    readonly why: string;
  };
  /** Newest first: decisions not to act, each with its reason. */
  readonly whyNot: readonly { readonly at: string; readonly trigger: string; readonly why: string }[];
  /** Newest first: changes of where prompts go, and who sent them; absent: none is known. */
  readonly redirections?: readonly { readonly at: string; readonly by: string; readonly changes: readonly string[] }[];
}
