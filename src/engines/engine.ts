/** The contract of an engine dialect: where its signals are and what its pages mean. Pure parsing; probes do the asking. */
import type { EngineKind } from '../domain/fleet.js';
import type { MetricsSeen } from '../domain/health/types.js';

export interface EngineDialect {
  readonly kind: EngineKind;
  /** The signals on a metrics page; `null` when none of them is there. A missing signal is `null`, never zero. */
  readMetrics(page: string): Omit<MetricsSeen, 'age'> | null;
  /** The model's id on the identity page; `expected` where it is one of several. `null` when the page says nothing. */
  readModel(page: string, expected: string): string | null;
  /** `/gpu-status`: whether the GPUs are well. `null` when the page cannot be understood. */
  readGpu(page: string): { readonly healthy: boolean; readonly xid?: number } | null;
  /** `/gpu-memory`: share in use, 0-1. `null` when the page cannot be understood. */
  readMemory(page: string): { readonly used: number } | null;
}

/** One row a signal: the names that it has had, newest first; the first one present wins. */
export interface Alias {
  readonly names: readonly string[];
  /** Over several engines behind one page counts add up, shares do not. */
  readonly over: 'sum' | 'max';
}

/** @returns the value of the first name present, or `null` */
export function pickSignal(samples: ReadonlyMap<string, readonly number[]>, alias: Alias): number | null {
  const values = alias.names.map((name) => samples.get(name)).find((found) => found !== undefined && found.length > 0);
  if (values === undefined) return null;
  return alias.over === 'sum' ? values.reduce((a, b) => a + b, 0) : Math.max(...values);
}
