/**
 * The contract with whatever splits a service's requests over clusters. One file a layer, listed in `registry.ts`.
 * Weights are absolute and a write may be repeated; a layer never decides anything.
 */
import type { ServiceDefinition, TrafficState } from '../domain/traffic.js';
import type { ClusterName, ServiceName, Weights } from '../domain/words.js';

export type { ServiceDefinition };

/** Writer's right: a layer refuses a smaller epoch, and within an epoch a smaller step, with `stale-epoch` (family `fenced`). */
export interface Fence {
  readonly epoch: number;
  /** Grows with each write of a move; a repetition has that of its write. Absent: only the epoch counts. */
  readonly step?: number | undefined;
}

export interface Capabilities {
  /** Smallest step of a weight, percent. */
  readonly granularityPct: number;
  readonly changeBy: 'runtime' | 'reload' | 'poll' | 'dns';
  readonly zeroAllowed: boolean;
  readonly inFlightKnown: boolean;
  readonly compareAndSet: boolean;
  /** Longest time until a write is effective everywhere, ms. */
  readonly settleMs: number;
}

/** What a layer may be able to do besides. */
export interface Spillable {
  /**
   * For `forMs` a share of what `from` would get goes to `to`, beside the weights, which stay as written. Takes the place
   * of the one before; 0 ends it. A write of weights, a greater epoch and time end it too.
   */
  spill(service: ServiceName, order: SpillWish, fence: Fence): Promise<TrafficState>;
}

export interface SpillWish {
  readonly from: ClusterName;
  readonly to: ClusterName;
  readonly sharePct: number;
  readonly forMs: number;
}

export interface Warmable {
  /** Has `cluster` read the hottest beginnings of prompts, for `timeoutMs` at most. */
  warm(
    service: ServiceName,
    order: WarmOrder,
    fence: Fence,
  ): Promise<{ readonly prefixes: number; readonly tookMs: number }>;
}

export interface WarmOrder {
  readonly cluster: ClusterName;
  readonly max: number;
  readonly timeoutMs: number;
}

export interface TrafficLayer extends Partial<Spillable>, Partial<Warmable> {
  readonly can: Capabilities;
  /** Effective state, not the configured one. */
  read(service: ServiceName): Promise<TrafficState>;
  /** Make members known; keeps weights and epoch of a service that exists. Repeatable. */
  define(definition: ServiceDefinition): Promise<TrafficState>;
  /** Forget a service that left the configuration. Repeatable. */
  forget(service: ServiceName): Promise<void>;
  /** Take the fence without changing a weight. */
  fence(service: ServiceName, fence: Fence): Promise<TrafficState>;
  /** Absolute weights; answers with what it read back. */
  write(service: ServiceName, weights: Weights, fence: Fence): Promise<TrafficState>;
  /**
   * No new work for `cluster`. With `handOver`, running streams that another cluster can continue go on there at once, as
   * far as the layer can do that; all else runs on. With `rehome`, requests that wait there without a first byte are sent elsewhere at once
   * (right when the cluster is dead or stuck; needless when it is well).
   */
  drain(
    service: ServiceName,
    cluster: ClusterName,
    options: { readonly rehome: boolean; readonly handOver?: boolean },
    fence: Fence,
  ): Promise<TrafficState>;
  undrain(service: ServiceName, cluster: ClusterName, fence: Fence): Promise<TrafficState>;
}
