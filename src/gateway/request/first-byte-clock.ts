/** How long a cluster may take to its first byte. */
import { performance } from 'node:perf_hooks';
import { Deadline } from '../deadline.js';
import type { AttemptOrder } from './attempt-order.js';

type Limits = Pick<AttemptOrder, 'member' | 'request' | 'firstByteMs' | 'replaceable' | 'splice'>;

export interface FirstByteEvents {
  /** The answer's head has not come. */
  readonly mayWait: () => boolean;
  /** It took too long. Called once. */
  readonly late: () => void;
}

/**
 * An answer in one piece takes as long as all its tokens: as long as the cluster shows any life, or nobody else could do
 * better, it is waited for. A stream's first token is waited for when both is so; and the rest of one that has begun gets
 * twice the time at the last cluster, for its caller cannot ask for it again.
 */
export class FirstByteClock {
  readonly #order: Limits;
  readonly #events: FirstByteEvents;
  readonly #deadline: Deadline;
  #isOverdue = false;

  constructor(order: Limits, events: FirstByteEvents) {
    this.#order = order;
    this.#events = events;
    this.#deadline = new Deadline(order.firstByteMs, () => this.#goneOff());
  }

  stop(): void {
    this.#deadline.stop();
  }

  #goneOff(): void {
    const { member, request, firstByteMs, replaceable, splice } = this.#order;
    const isAlive = performance.now() - member.lastSignMs < firstByteMs;
    const isLast = !replaceable();
    const getsMore = splice !== null && !this.#isOverdue;
    this.#isOverdue = true;
    const mayTakeLonger = request.stream ? isLast && (isAlive || getsMore) : isLast || isAlive;
    if (this.#events.mayWait() && mayTakeLonger) this.#deadline.refresh();
    else this.#events.late();
  }
}
