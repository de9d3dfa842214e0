/**
 * How long a cluster may be silent in the middle of its answer. The clock does not run while the caller is the slow one.
 * A byte costs it nothing but a note of the time: it looks at that when it goes off, and sets itself anew.
 */
import { performance } from 'node:perf_hooks';
import { Deadline } from '../deadline.js';

/** At a cluster that is thought lost, a stream that others could continue is left after this much silence. */
export const STALL_MS = 1_000;

/** Timers count whole milliseconds, of another clock. */
const TIMER_SLACK_MS = 2;

export interface IdleLimits {
  readonly idleMs: number;
  /** Whether leaving would do the caller no harm; asked only when it matters. */
  readonly continuable: () => boolean;
  /** Nothing came for `limitMs`. Called once. */
  readonly onSilence: (limitMs: number) => void;
}

export class IdleClock {
  readonly #limits: IdleLimits;
  #deadline: Deadline | null = null;
  #lastByteMs = 0;
  #hastened = false;

  constructor(limits: IdleLimits) {
    this.#limits = limits;
  }

  start(): void {
    this.#lastByteMs = performance.now();
    this.#arm(this.#limitMs());
  }

  /** Something came at `nowMs` of the monotonic clock. */
  heard(nowMs: number): void {
    this.#lastByteMs = nowMs;
  }

  stop(): void {
    this.#deadline?.stop();
    this.#deadline = null;
  }

  /** From now on silence is taken for what it most likely is, also the silence so far. */
  hasten(): void {
    this.#hastened = true;
    if (this.#deadline !== null) this.#arm(0); // what has come is read first
  }

  #limitMs(): number {
    const { idleMs, continuable } = this.#limits;
    return this.#hastened && continuable() ? Math.min(STALL_MS, idleMs) : idleMs;
  }

  #look(): void {
    const limitMs = this.#limitMs();
    const leftMs = limitMs - (performance.now() - this.#lastByteMs);
    if (leftMs > TIMER_SLACK_MS) this.#arm(leftMs);
    else {
      this.stop();
      this.#limits.onSilence(limitMs);
    }
  }

  #arm(ms: number): void {
    this.stop();
    this.#deadline = new Deadline(ms, () => this.#look());
  }
}
