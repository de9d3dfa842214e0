/** What was seen of one service, tick by tick (docs/decisions.md, "Traces"). A recorded incident and a made-up one look the same. */
import type { GenerationSeen, HttpSeen, PassiveSeen, SelfSeen, TickSeen } from '../health/types.js';
import type { ClusterName, Vantage, Verdict } from '../words.js';

export interface TraceCluster {
  readonly name: ClusterName;
  readonly role: string;
  readonly engine: string;
  readonly region: string;
  /** Model id that it must serve. */
  readonly model: string;
  readonly concurrency: number;
  /** Where it differs from the defaults, as `clusters.<name>.probes` of the configuration file. */
  readonly probes?: Readonly<Record<string, unknown>>;
}

/** A move that was right: not before `after`, and no later than `within` after that, both in s. */
export interface ExpectedMove {
  readonly kind: string;
  readonly from: ClusterName;
  /** `*`: any cluster that is well. */
  readonly to: ClusterName;
  readonly after: number;
  readonly within: number;
}

export interface TraceHeader {
  readonly trace: string;
  readonly about?: string;
  /** Between two ticks, s. */
  readonly interval: number;
  readonly service: string;
  /** As in the configuration file; absent: the default. */
  readonly mode?: 'auto' | 'approve';
  readonly health?: Readonly<Record<string, unknown>>;
  readonly failback: 'auto' | 'approve' | 'never';
  readonly vantages: readonly Vantage[];
  readonly clusters: readonly TraceCluster[];
  readonly expect?: {
    readonly moves?: readonly ExpectedMove[];
    readonly verdicts?: readonly { readonly cluster: ClusterName; readonly is: Verdict; readonly at: number }[];
  };
}

/** What one vantage learnt of one cluster. */
export type SeenFromVantage = Omit<TickSeen, 'atMs' | 'self' | 'passive' | 'generation'> & {
  /** What a completion would have found, had one been sent; `sent`: one was, and this is when it ended. */
  readonly generation?: (GenerationSeen & { readonly sent?: boolean }) | null;
  /** The extra try on a fresh connection, where it was recorded. */
  readonly fresh?: HttpSeen | null;
};

export interface TraceTick {
  /** s since the beginning. */
  readonly t: number;
  readonly seen: Readonly<Record<ClusterName, Readonly<Record<Vantage, SeenFromVantage>>>>;
  /** What real requests met since the tick before. */
  readonly traffic: Readonly<Record<ClusterName, PassiveSeen | null>>;
  readonly self: SelfSeen;
}
