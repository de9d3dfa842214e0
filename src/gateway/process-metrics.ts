/** The page of a gateway: what it counts, and how its process is: memory, CPU, and how late its event loop runs. */
import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';
import type { TrafficState } from '../domain/traffic.js';
import { metricsPage, type Metric } from './metrics-page.js';

/** Its timer wakes an idle process, so it must not be fine, ms. */
const RESOLUTION_MS = 20;
const NANO = 1e9;

export interface MetricsSource {
  readonly version: string;
  /** Wall clock, ms. */
  readonly startedAtMs: number;
  readonly states: () => Promise<readonly TrafficState[]>;
}

export interface MetricsPage {
  readonly page: () => Promise<string>;
  readonly stop: () => void;
}

export function openMetrics(source: MetricsSource): MetricsPage {
  const own = new ProcessMetrics(source);
  return { page: async () => metricsPage(await source.states(), own.metrics()), stop: () => own.stop() };
}

class ProcessMetrics {
  readonly #version: string;
  readonly #startedAtS: number;
  /** Runs from the first time that somebody asks. */
  #lag: IntervalHistogram | null = null;

  constructor(order: Pick<MetricsSource, 'version' | 'startedAtMs'>) {
    this.#version = order.version;
    this.#startedAtS = order.startedAtMs / 1_000;
  }

  metrics(): readonly Metric[] {
    const { user, system } = process.cpuUsage();
    return [
      gauge('understudy_build_info', 'Always 1; the version is a label.', 1, { version: this.#version }),
      gauge('process_start_time_seconds', 'Start of the process, seconds since 1970.', this.#startedAtS),
      gauge('process_resident_memory_bytes', 'Resident memory.', process.memoryUsage.rss()),
      gauge('nodejs_heap_size_used_bytes', 'Heap in use.', process.memoryUsage().heapUsed),
      {
        name: 'process_cpu_seconds_total',
        kind: 'counter',
        help: 'CPU time, user and system.',
        rows: [[{}, (user + system) / 1e6]],
      },
      ...this.#lateness(),
    ];
  }

  stop(): void {
    this.#lag?.disable();
  }

  /** Since the last time that somebody asked. */
  #lateness(): readonly Metric[] {
    const lag = this.#lag;
    if (lag === null) {
      this.#lag = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
      this.#lag.enable();
      return [];
    }
    // An empty histogram has no percentiles to speak of.
    const seen = lag.count === 0 ? null : { p50: lag.percentile(50), p99: lag.percentile(99), max: lag.max };
    lag.reset();
    return Object.entries(seen ?? {}).map(([name, ns]) =>
      gauge(`nodejs_eventloop_lag_${name}_seconds`, 'Lateness of the event loop since the last scrape.', lateS(ns)),
    );
  }
}

/** What is measured is the whole pause between two ticks of its timer. */
const lateS = (pauseNs: number): number => Math.max(0, pauseNs / NANO - RESOLUTION_MS / 1_000);

const gauge = (name: string, help: string, value: number, labels: Readonly<Record<string, string>> = {}): Metric => ({
  name,
  kind: 'gauge',
  help,
  rows: [[labels, value]],
});
