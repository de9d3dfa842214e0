/** Totals and percentiles of a load run. Bounded: the last results stand for the distribution, all of them for the counts. */
import type { LoadResult, LoadVerdict } from './load-request.js';

export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

export interface LoadSummary {
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly elapsedMs: number;
  /** Requests begun, and those of them without an end yet. */
  readonly sent: number;
  readonly inFlight: number;
  readonly ok: number;
  readonly lost: number;
  readonly cut: number;
  readonly wrong: number;
  readonly streams: number;
  /** Requests that were due while all places were taken, and left later than planned. */
  readonly delayed: number;
  /** ms, of requests that were ok; `null` before the first one. */
  readonly firstTokenMs: Percentiles | null;
  readonly totalMs: Percentiles | null;
  /** Finished requests by the cluster that answered. */
  readonly byCluster: Readonly<Record<string, number>>;
  /** What went wrong, by code. */
  readonly failures: Readonly<Record<string, number>>;
}

const SAMPLES_MAX = 20_000;
const NAMES_MAX = 100;

export class LoadTally {
  readonly #startedAtMs = Date.now();
  readonly #verdicts: Record<LoadVerdict, number> = { ok: 0, lost: 0, cut: 0, wrong: 0 };
  readonly #byCluster: Record<string, number> = {};
  readonly #failures: Record<string, number> = {};
  readonly #firstTokenMs = new Samples(SAMPLES_MAX);
  readonly #totalMs = new Samples(SAMPLES_MAX);
  #endedAtMs: number | null = null;
  sent = 0;
  streams = 0;
  delayed = 0;

  add(result: LoadResult): void {
    this.#verdicts[result.verdict] += 1;
    count(this.#byCluster, result.servedBy ?? 'nobody');
    if (result.code !== null) count(this.#failures, result.code);
    if (result.verdict !== 'ok') return;
    if (result.stream && result.firstByteAtMs !== null)
      this.#firstTokenMs.add(result.firstByteAtMs - result.startedAtMs);
    this.#totalMs.add(result.endedAtMs - result.startedAtMs);
  }

  end(): void {
    this.#endedAtMs ??= Date.now();
  }

  get finished(): number {
    return Object.values(this.#verdicts).reduce((sum, each) => sum + each, 0);
  }

  summary(): LoadSummary {
    return {
      startedAt: new Date(this.#startedAtMs).toISOString(),
      elapsedMs: (this.#endedAtMs ?? Date.now()) - this.#startedAtMs,
      sent: this.sent,
      inFlight: this.sent - this.finished,
      ...this.#verdicts,
      streams: this.streams,
      delayed: this.delayed,
      firstTokenMs: this.#firstTokenMs.percentiles(),
      totalMs: this.#totalMs.percentiles(),
      byCluster: { ...this.#byCluster },
      failures: { ...this.#failures },
    };
  }
}

function count(counts: Record<string, number>, name: string): void {
  const key = Object.hasOwn(counts, name) || Object.keys(counts).length < NAMES_MAX ? name : 'others';
  counts[key] = (counts[key] ?? 0) + 1;
}

class Samples {
  readonly #values: number[] = [];
  readonly #max: number;
  #next = 0;

  constructor(max: number) {
    this.#max = max;
  }

  add(value: number): void {
    this.#values[this.#next % this.#max] = value;
    this.#next += 1;
  }

  percentiles(): Percentiles | null {
    const sorted = [...this.#values].sort((a, b) => a - b);
    if (sorted.length === 0) return null;
    const at = (share: number): number =>
      sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0;
    return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
  }
}
