/** How one process of the gateway is: memory, CPU, how late its event loop runs; whom it refused, and what it met. */
import { monitorEventLoopDelay, performance, type IntervalHistogram } from 'node:perf_hooks';
import { faults } from './boundary.js';

/** Its timer wakes an idle process, so it must not be fine, ms. */
const RESOLUTION_MS = 20;
const NANO = 1e9;
const MICRO = 1e6;

export interface ProcessFigures {
  readonly pid: number;
  /** Seconds since 1970. */
  readonly startedAtS: number;
  readonly residentBytes: number;
  readonly heapUsedBytes: number;
  /** Of requests and answers that are under way and kept whole; absent: nobody is served here. */
  readonly heldBytes?: number;
  /** User and system. */
  readonly cpuS: number;
  /** Since the last time that somebody asked; `null`: nobody had, or nothing was measured. */
  readonly lagS: Readonly<Record<'p50' | 'p99' | 'max', number>> | null;
  /** Requests that were refused at the door, by reason. */
  readonly refused: Readonly<Record<string, number>>;
  /** Throws that ended at a boundary, by place. */
  readonly faults: Readonly<Record<string, number>>;
}

export class ProcessGauge {
  /** Runs from the first time that somebody asks. */
  #lag: IntervalHistogram | null = null;

  read(refused: ProcessFigures['refused'] = {}): ProcessFigures {
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed } = process.memoryUsage();
    return {
      pid: process.pid,
      startedAtS: performance.timeOrigin / 1_000,
      residentBytes: rss,
      heapUsedBytes: heapUsed,
      cpuS: (user + system) / MICRO,
      lagS: this.#lateness(),
      refused,
      faults: faults.byPlace,
    };
  }

  stop(): void {
    this.#lag?.disable();
  }

  #lateness(): ProcessFigures['lagS'] {
    const lag = this.#lag;
    if (lag === null) {
      this.#lag = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
      this.#lag.enable();
      return null;
    }
    // An empty histogram has no percentiles to speak of.
    const seen =
      lag.count === 0 ? null : { p50: lateS(lag.percentile(50)), p99: lateS(lag.percentile(99)), max: lateS(lag.max) };
    lag.reset();
    return seen;
  }
}

/** What is measured is the whole pause between two ticks of its timer. */
const lateS = (pauseNs: number): number => Math.max(0, pauseNs / NANO - RESOLUTION_MS / 1_000);
