/** How long a cluster may take to its first byte. */
import { performance } from 'node:perf_hooks';
import type { AttemptOrder } from './attempt-order.js';

type Limits = Pick<AttemptOrder, 'member' | 'request' | 'firstByteMs' | 'replaceable'>;

export interface FirstByteEvents {
  /** The answer's head has not come. */
  readonly mayWait: () => boolean;
  /** It took too long. Called once. */
  readonly late: () => void;
}

/**
 * An answer in one piece takes as long as all its tokens. As long as the cluster shows any life it is waited for; so it
 * is when nobody else could do better.
 */
export class FirstByteClock {
  readonly #order: Limits;
  readonly #events: FirstByteEvents;
  readonly #timer: NodeJS.Timeout;

  constructor(order: Limits, events: FirstByteEvents) {
    this.#order = order;
    this.#events = events;
    this.#timer = setTimeout(() => this.#goneOff(), order.firstByteMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #goneOff(): void {
    const { member, request, firstByteMs, replaceable } = this.#order;
    const quietMs = performance.now() - member.lastSignMs;
    const isAlive = quietMs < firstByteMs || !replaceable;
    if (this.#events.mayWait() && !request.stream && isAlive) this.#timer.refresh();
    else this.#events.late();
  }
}
