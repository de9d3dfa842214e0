/**
 * How long something from outside may take. Timers go off before anything is read: when this process did nothing for a
 * while (others had the processor, the machine stood still), what came in time would be taken for missing. So what has come
 * is read first. Where the timer itself is late, the other side may have stood still too, and gets that time again, once.
 */
import { performance } from 'node:perf_hooks';
import { faults } from './boundary.js';

/** A busy event loop is late by less. */
const HELD_UP_MS = 250;

export class Deadline {
  readonly #ms: number;
  readonly #over: () => void;
  #timer: NodeJS.Timeout | null;
  #dueMs: number;
  #isProlonged = false;

  constructor(ms: number, over: () => void) {
    this.#ms = ms;
    this.#over = over;
    this.#dueMs = performance.now() + ms;
    this.#timer = setTimeout(() => this.#goneOff(), ms);
  }

  /** From now on anew. */
  refresh(): void {
    this.#dueMs = performance.now() + this.#ms;
    if (this.#isProlonged) this.#prolong(this.#ms);
    else this.#timer?.refresh();
    this.#isProlonged = false;
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #prolong(ms: number): void {
    this.stop();
    this.#dueMs = performance.now() + ms;
    this.#timer = setTimeout(() => this.#goneOff(), ms);
  }

  #goneOff(): void {
    const dueMs = this.#dueMs;
    const lateMs = performance.now() - dueMs;
    if (lateMs > HELD_UP_MS && !this.#isProlonged) {
      this.#isProlonged = true;
      this.#prolong(Math.min(this.#ms, lateMs));
    } else setImmediate(() => this.#endUnlessRefreshed(dueMs));
  }

  #endUnlessRefreshed(dueMs: number): void {
    if (this.#timer !== null && this.#dueMs === dueMs) faults.guard('timer', this.#over);
  }
}
