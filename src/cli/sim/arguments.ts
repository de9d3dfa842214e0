/** Reads numbers, shares and durations from a command line. A wrong one is a usage error: exit 2, nothing done. */
import { parseDuration } from '../../config/duration.js';
import { UsageError } from '../exit.js';

export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** As an expression: what comes instead of a value. */
export function usageError(message: string): never {
  throw new UsageError(message);
}

/** The number after `option`; `undefined` when it was not given. */
export function numberOption(option: string, text: string | undefined, { min, max }: Bounds): number | undefined {
  if (text === undefined) return undefined;
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (value >= min && value <= max) return value;
  return usageError(`${option} takes a number from ${String(min)} to ${String(max)}, not "${text}"`);
}

/** As {@link numberOption}, whole numbers only. */
export function wholeOption(option: string, text: string | undefined, bounds: Bounds): number | undefined {
  const value = numberOption(option, text, bounds);
  if (value === undefined || Number.isInteger(value)) return value;
  return usageError(`${option} takes a whole number, not "${String(value)}"`);
}

/** The duration after `option`, ms; `undefined` when it was not given. */
export function durationOption(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms !== null && ms > 0) return ms;
  return usageError(`${option} takes a duration such as 500ms, 30s or 5m, not "${text}"`);
}

/** The given fields only: what is absent keeps its default. */
export function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
