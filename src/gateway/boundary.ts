/**
 * Where a throw ends that something from outside has caused: it costs the one request, or the one message, that was being
 * worked on, is counted by its place, and logged with its stack. One for each process, like the process's own last resort.
 *
 *     caller's request --> serve-here --.                       its caller gets an error
 *     cluster's bytes --> asking -------|
 *     admin request --> admin-api ------+--> faults.caught      count (understudy_faults_total), one line of the log
 *     word of a worker --> its pool ----|
 *     timers, ends of connections ------'
 */
import { describeError } from '../domain/describe-error.js';

/** Where a throw can end; `process`: nowhere else, and the process ends with it. */
export const FAULT_PLACES = ['request', 'admin', 'worker', 'timer', 'store', 'process'] as const;
export type FaultPlace = (typeof FAULT_PLACES)[number];

type Tell = (event: Readonly<Record<string, unknown>>) => void;

/** So many lines a minute: whoever finds a way to a fault must not fill a disk with it. All are counted. */
const LINES_A_MINUTE_MAX = 60;
const MINUTE_MS = 60_000;

class Faults {
  readonly #counts = new Map<FaultPlace, number>(FAULT_PLACES.map((place) => [place, 0]));
  #tell: Tell | null = null;
  #minuteEndsMs = 0;
  #lines = 0;

  /** Who writes the log from now on. */
  tellTo(tell: Tell): void {
    this.#tell = tell;
  }

  /** Counts and logs it. Never throws. */
  caught(place: FaultPlace, error: unknown): void {
    this.count(place);
    if (!this.#mayWrite()) return;
    try {
      this.#tell?.({ event: 'gateway-fault', place, ...describeError(error) });
    } catch {
      // Whoever writes the log is gone: the count stays.
    }
  }

  /** One that another process has logged. */
  count(place: FaultPlace): void {
    this.#counts.set(place, (this.#counts.get(place) ?? 0) + 1);
  }

  /** Runs what outside input reaches and nobody waits for. */
  guard(place: FaultPlace, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.caught(place, error);
    }
  }

  get byPlace(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  #mayWrite(): boolean {
    const nowMs = performance.now();
    if (nowMs >= this.#minuteEndsMs) {
      this.#minuteEndsMs = nowMs + MINUTE_MS;
      this.#lines = 0;
    }
    return this.#lines++ < LINES_A_MINUTE_MAX;
  }
}

export const faults = new Faults();
