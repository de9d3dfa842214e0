/** Completions of our own, so that a step is decided even when hardly anybody calls. Few at a time, and counted. */
import type { ClusterSpec } from '../domain/fleet.js';
import type { GenerationSeen } from '../domain/health/types.js';

/** As many clean ones decide the error test (`domain/plan/sprt.ts`); beyond it they would only cost. */
const COMPLETIONS_MAX = 48;
const AT_ONCE = 4;

export interface PaddingCounts {
  ok: number;
  failed: number;
  slow: number;
  lastError: string | null;
}

export class Padding {
  readonly counts: PaddingCounts = { ok: 0, failed: 0, slow: 0, lastError: null };
  #started = 0;
  #running = 0;
  #stopped = false;
  #real = 0;

  constructor(
    private readonly targets: readonly ClusterSpec[],
    private readonly complete: (cluster: ClusterSpec) => Promise<GenerationSeen>,
    private readonly slowMs: number | null,
  ) {}

  /** Starts what is missing beside `real` requests of callers. Returns at once. */
  topUp(real: number): void {
    this.#real = real;
    while (!this.#stopped && this.#running < AT_ONCE && this.#started + real < COMPLETIONS_MAX) {
      const target = this.targets[this.#started % this.targets.length];
      if (target === undefined) return;
      this.#started += 1;
      void this.#one(target);
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  async #one(target: ClusterSpec): Promise<void> {
    this.#running += 1;
    const seen = await this.complete(target);
    this.#running -= 1;
    if (seen.ok) {
      this.counts.ok += 1;
      if (this.slowMs !== null && (seen.ttft ?? 0) > this.slowMs) this.counts.slow += 1;
    } else {
      this.counts.failed += 1;
      this.counts.lastError = seen.error ?? 'a wrong answer';
    }
    this.topUp(this.#real);
  }
}
