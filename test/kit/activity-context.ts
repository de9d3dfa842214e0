/** Runs code as if it were an activity's attempt: with an attempt number, heartbeat details and a heartbeat. */
import { asyncLocalStorage, Context, type Info } from '@temporalio/activity';
import { noopMetricMeter, type Logger } from '@temporalio/common';

export interface Attempt {
  readonly attempt?: number;
  /** What the attempt before reported last. */
  readonly heartbeatDetails?: unknown;
}

const ignore = (): void => undefined;
const SILENT: Logger = { log: ignore, trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };

/** @returns what the code returned, and what it reported in its heartbeats. */
export async function runAsActivity<T>(
  { attempt = 1, heartbeatDetails }: Attempt,
  run: () => Promise<T>,
): Promise<{ readonly result: Promise<T>; readonly heartbeats: unknown[] }> {
  const heartbeats: unknown[] = [];
  const context = new Context(
    { attempt, heartbeatDetails } as Info,
    new Promise<never>(() => undefined),
    new AbortController().signal,
    (details: unknown) => void heartbeats.push(details),
    undefined,
    SILENT,
    noopMetricMeter,
    {},
  );
  const result = asyncLocalStorage.run(context, run);
  await result.catch(() => undefined);
  return { result, heartbeats };
}
