/** The contract of an engine dialect: where its signals are and what its pages mean. Pure parsing; probes do the asking. */
import type { EngineKind } from '../domain/fleet.js';
import type { HttpMeaning, MetricsSeen } from '../domain/health/types.js';
import type { ContinuationRules } from './continuation.js';

export interface EngineDialect {
  readonly kind: EngineKind;
  /** Statuses of the health endpoint that mean something else here than they usually do. */
  readonly statusMeans: Readonly<Partial<Record<number, HttpMeaning>>>;
  /** Whether and how an answer that broke off elsewhere can go on here. */
  readonly continuation: ContinuationRules;
  /** Fields of a completion that let every caller's go first; absent where the engine knows none. It may refuse them. */
  readonly lowPriority?: Readonly<Record<string, number>>;
  /** The signals on a metrics page; `null` when none of them is there. A missing signal is `null`, never zero. */
  readMetrics(page: string): Omit<MetricsSeen, 'age'> | null;
  /** The model's id on the identity page; `expected` where it is one of several. `null` when the page says nothing. */
  readModel(page: string, expected: string): string | null;
  /** `/gpu-status`: whether the GPUs are well. `null` when the page cannot be understood. */
  readGpu(page: string): { readonly healthy: boolean; readonly xid?: number } | null;
  /** `/gpu-memory`: share in use, 0-1. `null` when the page cannot be understood. */
  readMemory(page: string): { readonly used: number } | null;
}
