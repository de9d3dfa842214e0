/** The words of the product (docs/glossary.md): every other module, the CLI, Slack and the docs use these and no others. */

/** Name of a cluster: one LLM serving deployment. */
export type ClusterName = string;
/** Name of a service: what callers use; served by several clusters. */
export type ServiceName = string;
/** Name of a place that probes. */
export type Vantage = string;

/** Worst first is not implied: the order is the one that `status` lists. */
export const VERDICTS = [
  'healthy',
  'degraded',
  'overloaded',
  'stuck',
  'dead',
  'unreachable',
  'starting',
  'unknown',
] as const;
export type Verdict = (typeof VERDICTS)[number];

export const DIMENSIONS = [
  'http',
  'gpu',
  'memory',
  'latency',
  'progress',
  'generation',
  'identity',
  'passive',
] as const;
/** One kind of check of a cluster. */
export type Dimension = (typeof DIMENSIONS)[number];

/** `failover`: something broke. `switchover`: planned, both sides well. `failback`: home again. */
export type MoveKind = 'failover' | 'switchover' | 'failback';

/** `auto` acts, `approve` asks a person first, `frozen` only observes and alerts. */
export type Mode = 'auto' | 'approve' | 'frozen';

export type Strategy = 'primary-standby' | 'round-robin' | 'weighted';

/** Share of a service's requests per cluster, in percent; the shares of one service add up to 100. */
export type Weights = Readonly<Record<ClusterName, number>>;

/** Somebody's absence of knowledge. It is an answer; 0 and `false` are not. */
export type Unknown = 'unknown';

/** One fact behind a verdict: what was seen, against which threshold, since when, and by whom. */
export interface Evidence {
  readonly dimension: Dimension;
  /** e.g. `connection refused, 3 in a row` */
  readonly seen: string;
  /** e.g. `3 failures in a row` */
  readonly threshold: string;
  readonly sinceMs: number;
  /** The vantage, or `gateway` for what real traffic saw. */
  readonly by: string;
}

/** What a cluster is, and why. */
export interface Diagnosis {
  readonly verdict: Verdict;
  readonly sinceMs: number;
  readonly evidence: readonly Evidence[];
  /** Vantages that should have a vote and have nobody who watches; absent when every one of them is watched from. */
  readonly unwatchedFrom?: readonly Vantage[];
}

/** Who asked, in whose words, and through which door. */
export interface Attribution {
  readonly by: string;
  readonly reason: string;
  readonly via: 'auto' | 'cli' | 'signal' | 'slack' | 'api';
}

export const UNKNOWN_DIAGNOSIS: Diagnosis = { verdict: 'unknown', sinceMs: 0, evidence: [] };

/** A label of a host name: names become workflow ids, metric labels, path segments and chat text. */
export const NAME_PATTERN = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
