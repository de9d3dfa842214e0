/** Counts of an engine since its process began, in the shape that its metrics page needs. */

const FIRST_TOKEN_BOUNDS_S = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560,
] as const; // vLLM 0.32
const STEP_TOKEN_BOUNDS = [1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384] as const; // vLLM 0.32

export const END_REASONS = ['stop', 'length', 'abort', 'error', 'repetition'] as const; // vLLM 0.32
export type EndReason = (typeof END_REASONS)[number];

/** A Prometheus histogram: cumulative buckets are made when the page is written. */
export class Histogram {
  readonly bounds: readonly number[];
  readonly #counts: number[];
  sum = 0;
  count = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    const index = this.bounds.findIndex((bound) => value <= bound);
    if (index >= 0) this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.sum += value;
    this.count += 1;
  }

  /** Observations at or under each bound. */
  cumulative(): readonly number[] {
    let total = 0;
    return this.#counts.map((count) => (total += count));
  }
}

export class EngineCounters {
  readonly firstTokenSeconds = new Histogram(FIRST_TOKEN_BOUNDS_S);
  /** Tokens of each engine step; its count is the number of steps. */
  readonly stepTokens = new Histogram(STEP_TOKEN_BOUNDS);
  readonly ended: Record<EndReason, number> = { stop: 0, length: 0, abort: 0, error: 0, repetition: 0 };
  promptTokens = 0;
  generationTokens = 0;
  cacheQueries = 0;
  cacheHits = 0;
  preemptions = 0;
}

/** What an engine is doing right now. */
export interface EngineGauges {
  readonly running: number;
  readonly waiting: number;
  /** Share of the key-value cache in use, 0..1. */
  readonly cacheUsage: number;
}
