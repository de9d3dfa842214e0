/** One limit per minute of one caller, and what is left of it. */
import { filled, fullBucket, fullInMs, spanWords, spent, waitMs, type Bucket } from '../../domain/rate-limit.js';

export class Quota {
  readonly #what: 'requests' | 'tokens';
  #perMinute: number | null = null;
  #bucket: Bucket = fullBucket(0, 0);

  constructor(what: 'requests' | 'tokens') {
    this.#what = what;
  }

  /** `null`: there is no limit. */
  get perMinute(): number | null {
    return this.#perMinute;
  }

  /** Another limit. What was used stays used; a limit that is new begins with all of it. */
  limit(perMinute: number | null, nowMs: number): void {
    if (this.#perMinute === null && perMinute !== null) this.#bucket = fullBucket(perMinute, nowMs);
    this.#perMinute = perMinute;
  }

  /** How long until something may be taken, ms; 0: now. */
  waitMs(nowMs: number): number {
    if (this.#perMinute === null) return 0;
    this.#bucket = filled(this.#bucket, this.#perMinute, nowMs);
    return waitMs(this.#bucket, this.#perMinute);
  }

  /** Takes, also more than there is; a negative cost gives back. */
  spend(cost: number): void {
    if (this.#perMinute !== null) this.#bucket = spent(this.#bucket, cost);
  }

  /** What is left, as OpenAI's headers say it: names and values in turn. */
  headers(): readonly string[] {
    if (this.#perMinute === null) return [];
    return [
      `x-ratelimit-limit-${this.#what}`,
      String(this.#perMinute),
      `x-ratelimit-remaining-${this.#what}`,
      String(Math.max(0, Math.floor(this.#bucket.level))),
      `x-ratelimit-reset-${this.#what}`,
      spanWords(fullInMs(this.#bucket, this.#perMinute)),
    ];
  }
}
