/** When a cluster's failures are worth a line of the log: the first, and one every so often while they go on. */
const EVERY_MS = 10_000;

export class FailureLines {
  #nextMs = -Infinity;
  #passedOver = 0;

  /** How many were passed over since the last line; `null`: this one is passed over too. */
  due(nowMs: number): number | null {
    if (nowMs < this.#nextMs) {
      this.#passedOver++;
      return null;
    }
    const before = this.#passedOver;
    this.#nextMs = nowMs + EVERY_MS;
    this.#passedOver = 0;
    return before;
  }
}
