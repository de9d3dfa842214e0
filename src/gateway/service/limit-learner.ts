/** Sees what a cluster answers, and says how many requests at once it gets (domain/admission/learn-limit.ts). */
import { learnLimit, LEARN_WINDOW_MS, NOTHING_LEARNED } from '../../domain/admission/learn-limit.js';

export class LimitLearner {
  #learned = NOTHING_LEARNED;
  #untilMs = -Infinity;
  #runningMax = 0;
  #tokens = 0;
  #tokensMs = 0;
  #refusals = 0;

  get limit(): number {
    return this.#learned.limit;
  }

  firstToken(latencyMs: number): void {
    this.#tokens++;
    this.#tokensMs += latencyMs;
  }

  /** One of `running` ended; `refused`: with an answer that says "too much". */
  ended(seen: { readonly running: number; readonly refused: boolean; readonly nowMs: number }): void {
    this.#runningMax = Math.max(this.#runningMax, seen.running);
    if (seen.refused) this.#refusals++;
    if (seen.nowMs < this.#untilMs) return;
    const firstTokenMs = this.#tokens === 0 ? null : this.#tokensMs / this.#tokens;
    this.#learned = learnLimit(this.#learned, {
      runningMax: this.#runningMax,
      firstTokenMs,
      refusals: this.#refusals,
    });
    this.#untilMs = seen.nowMs + LEARN_WINDOW_MS;
    this.#runningMax = this.#tokens = this.#tokensMs = this.#refusals = 0;
  }
}
