/** One caller that is known by its key: what it may use, how much of it, and how much of that it has used. */
import { atMost, type Priority } from '../../domain/admission/priority.js';
import type { KeySpec } from '../../domain/fleet.js';
import type { CallerError } from '../request/openai-error.js';
import type { Service } from '../service/service.js';
import { Quota } from './quota.js';

/** What a caller over its concurrency is asked to wait, s: nobody knows when one of its requests ends. */
const RETRY_WHEN_BUSY_S = 1;

export class Caller {
  readonly tokens = new Quota('tokens');
  readonly #requests = new Quota('requests');
  #spec: KeySpec;
  #running = 0;
  #all: readonly Service[] = [];
  #mine: readonly Service[] = [];

  constructor(spec: KeySpec, nowMs: number) {
    this.#spec = spec;
    this.update(spec, nowMs);
  }

  get name(): string {
    return this.#spec.name;
  }

  /** What a request of this caller counts as. */
  priorityFor(claimed: Priority): Priority {
    return atMost(this.#spec.priorityMax, claimed);
  }

  /** New limits for a caller that keeps what it has used. */
  update(spec: KeySpec, nowMs: number): void {
    this.#spec = spec;
    this.#requests.limit(spec.limits.requestsPerMinute, nowMs);
    this.tokens.limit(spec.limits.tokensPerMinute, nowMs);
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
    const { concurrent, requestsPerMinute, tokensPerMinute } = this.#spec.limits;
    const wait = this.#requests.waitMs(nowMs);
    if (wait > 0) return overLimit('requests', `${requestsPerMinute} requests per minute`, wait / 1_000);
    const waitForTokens = this.tokens.waitMs(nowMs);
    if (waitForTokens > 0) return overLimit('tokens', `${tokensPerMinute} tokens per minute`, waitForTokens / 1_000);
    if (concurrent !== null && this.#running >= concurrent)
      return overLimit('requests', `${concurrent} requests at once`, RETRY_WHEN_BUSY_S);
    this.#requests.spend(1);
    this.#running++;
    return null;
  }

  leave(): void {
    this.#running--;
  }

  /** What is left of its limits per minute, as names and values in turn. */
  headers(): readonly string[] {
    return [...this.#requests.headers(), ...this.tokens.headers()];
  }
}

function overLimit(type: 'requests' | 'tokens', limit: string, waitS: number): CallerError {
  const retryAfterS = Math.max(1, Math.ceil(waitS));
  const message = `rate limit reached: this key may use ${limit}; try again in ${retryAfterS} s`;
  return { status: 429, type, code: 'rate_limit_exceeded', message, retryAfterS };
}
