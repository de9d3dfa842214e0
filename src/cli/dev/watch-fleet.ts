/** Looks at the fleet again and again and tells what it saw; that nobody answers is told too, and is no reason to stop. */
import { setTimeout as sleep } from 'node:timers/promises';
import { openControl, type Control } from '../../control/control.js';
import type { GatewayAdmin } from '../../control/gateway-state.js';
import { readStatus, type StatusView } from '../../control/status.js';

export interface WatchOrder {
  readonly temporal: { readonly address: string; readonly namespace: string };
  readonly gateway: GatewayAdmin;
  readonly everyMs: number;
  readonly signal: AbortSignal;
  readonly onStatus: (status: StatusView) => void;
  /** The reason in one sentence; the status seen before stands until the next one. */
  readonly onSilence: (why: string) => void;
}

/** Returns when `signal` aborts. */
export async function watchFleet(order: WatchOrder): Promise<void> {
  const { signal, everyMs } = order;
  let control: Control | null = null;
  while (!signal.aborted) {
    try {
      control ??= await openControl(order.temporal);
      order.onStatus(await readStatus(control, order.gateway));
    } catch (error) {
      if (!signal.aborted) order.onSilence((error as Error).message);
    }
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
  }
  await control?.close();
}
