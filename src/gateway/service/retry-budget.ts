/**
 * Keeps retries from becoming the storm that finishes off the clusters that are left: only a share of a service's active
 * requests may be on a second try at once. Which retries count says `costsRetryBudget` (domain/error-owner.ts).
 */

/** Envoy's default share of active requests, and a floor so that a quiet service can retry at all. */
export const RETRY_SHARE = 0.2;
export const RETRIES_MIN = 10;

export class RetryBudget {
  #active = 0;
  #retrying = 0;

  /** Requests that run. */
  get active(): number {
    return this.#active;
  }

  requestBegan(): void {
    this.#active++;
  }

  /** `took`: whether this request took from the budget. */
  requestEnded(took: boolean): void {
    this.#active--;
    if (took) this.#retrying--;
  }

  /** True when one more request may retry; it holds its place until it ends. */
  tryTake(): boolean {
    if (this.#retrying >= Math.max(RETRIES_MIN, this.#active * RETRY_SHARE)) return false;
    this.#retrying++;
    return true;
  }
}
