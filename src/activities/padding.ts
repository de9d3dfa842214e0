/** Completions of our own, so that a step is decided even when hardly anybody calls. Few at a time, and counted. */
import type { ClusterSpec } from '../domain/fleet.js';
import type { GenerationSeen } from '../domain/health/types.js';
import type { ClusterName } from '../domain/words.js';

/** As many clean ones decide the error test (`domain/plan/sprt.ts`); beyond it they would only cost. */
const COMPLETIONS_MAX = 48;
const AT_ONCE = 4;

/** Completions that run on each cluster now, over all steps that this process watches: many moves at once are one load. */
export type Running = Map<ClusterName, number>;

export interface PaddingCounts {
  ok: number;
  failed: number;
  slow: number;
  lastError: string | null;
}

export interface PaddingOptions {
  readonly targets: readonly ClusterSpec[];
  readonly complete: (cluster: ClusterSpec) => Promise<GenerationSeen>;
  readonly slowMs: number | null;
  readonly running: Running;
}

export class Padding {
  readonly counts: PaddingCounts = { ok: 0, failed: 0, slow: 0, lastError: null };
  #started = 0;
  #stopped = false;
  #real = 0;

  constructor(private readonly options: PaddingOptions) {}

  /** Starts what is missing beside `real` requests of callers. Returns at once. */
  topUp(real: number): void {
    this.#real = real;
    while (!this.#stopped && this.#started + this.#real < COMPLETIONS_MAX) {
      const { targets, running } = this.options;
      const target = targets[this.#started % targets.length];
      if (target === undefined || (running.get(target.name) ?? 0) >= AT_ONCE) return;
      this.#started += 1;
      void this.#one(target);
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  async #one(target: ClusterSpec): Promise<void> {
    const { complete, running, slowMs } = this.options;
    running.set(target.name, (running.get(target.name) ?? 0) + 1);
    const seen = await complete(target);
    running.set(target.name, (running.get(target.name) ?? 1) - 1);
    if (seen.ok) {
      this.counts.ok += 1;
      if (slowMs !== null && (seen.ttft ?? 0) > slowMs) this.counts.slow += 1;
    } else {
      this.counts.failed += 1;
      this.counts.lastError = seen.error ?? 'a wrong answer';
    }
    this.topUp(this.#real);
  }
}
