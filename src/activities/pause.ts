import { setTimeout as sleep } from 'node:timers/promises';

/** Waits, at most `ms`; ends early and quietly when the activity is cancelled. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    if ((error as Error).name !== 'AbortError') throw error;
  }
}
