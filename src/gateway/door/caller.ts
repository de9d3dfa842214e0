/** One caller that is known by its key: what it may use, how much of it, and how much of that it has used. */
import type { KeySpec } from '../../domain/fleet.js';
import { filled, fullBucket, fullInMs, spanWords, spent, waitMs, type Bucket } from '../../domain/rate-limit.js';
import type { CallerError } from '../request/openai-error.js';
import type { Service } from '../service/service.js';

/** What a caller over its concurrency is asked to wait, s: nobody knows when one of its requests ends. */
const RETRY_WHEN_BUSY_S = 1;

export class Caller {
  #spec: KeySpec;
  #bucket: Bucket;
  #running = 0;
  #all: readonly Service[] = [];
  #mine: readonly Service[] = [];

  constructor(spec: KeySpec, nowMs: number) {
    this.#spec = spec;
    this.#bucket = fullBucket(spec.limits.requestsPerMinute ?? 0, nowMs);
  }

  get name(): string {
    return this.#spec.name;
  }

  /** New limits for a caller that keeps what it has used. */
  update(spec: KeySpec): void {
    this.#spec = spec;
    this.#all = [];
    this.#mine = [];
  }

  /** Of all services those that its key opens. The others are as if they were not there. */
  servicesOf(all: readonly Service[]): readonly Service[] {
    const { services } = this.#spec;
    if (services === null) return all;
    if (all !== this.#all) {
      this.#all = all;
      this.#mine = all.filter((s) => services.includes(s.route.definition.service));
    }
    return this.#mine;
  }

  /** A request comes; `null`: it may, and `leave` must follow. A refused one costs nothing. */
  enter(nowMs: number): CallerError | null {
    const { concurrent, requestsPerMinute } = this.#spec.limits;
    if (requestsPerMinute !== null) {
      this.#bucket = filled(this.#bucket, requestsPerMinute, nowMs);
      const wait = waitMs(this.#bucket, requestsPerMinute);
      if (wait > 0) return overLimit(`${requestsPerMinute} requests per minute`, wait / 1_000);
    }
    if (concurrent !== null && this.#running >= concurrent)
      return overLimit(`${concurrent} requests at once`, RETRY_WHEN_BUSY_S);
    if (requestsPerMinute !== null) this.#bucket = spent(this.#bucket, 1);
    this.#running++;
    return null;
  }

  leave(): void {
    this.#running--;
  }

  /** What is left, as OpenAI's headers say it; of limits per minute only. */
  headers(): readonly (readonly [name: string, value: string])[] {
    const { requestsPerMinute } = this.#spec.limits;
    if (requestsPerMinute === null) return [];
    return [
      ['x-ratelimit-limit-requests', String(requestsPerMinute)],
      ['x-ratelimit-remaining-requests', String(Math.max(0, Math.floor(this.#bucket.level)))],
      ['x-ratelimit-reset-requests', spanWords(fullInMs(this.#bucket, requestsPerMinute))],
    ];
  }
}

function overLimit(limit: string, waitS: number): CallerError {
  const retryAfterS = Math.max(1, Math.ceil(waitS));
  const message = `rate limit reached: this key may use ${limit}; try again in ${retryAfterS} s`;
  return { status: 429, type: 'requests', code: 'rate_limit_exceeded', message, retryAfterS };
}
