/**
 * The simulated engine: a bounded batch, a queue before it, and one step loop.
 *
 *   submit -> waiting -> (slot free) -> running: prefill -> one token a step -> end
 *
 * Each step reads as many uncached prompt tokens as its share of a second allows and emits one token for every request
 * that has been read, so that step and token counters move as a real engine's do. Faults bend single lines of this.
 */
import { EngineCounters, type EngineGauges } from './engine-counters.js';
import { paramsOf, type Fault } from './faults.js';
import { PrefixCache } from './prefix-cache.js';
import type { ClusterSettings } from './settings.js';
import type { NaturalEnd } from './text.js';

/** One request as the engine sees it. */
export interface Generation {
  readonly prompt: string;
  readonly promptTokens: number;
  /** What is to be said; may be empty. */
  readonly tokens: readonly string[];
  readonly finishReason: NaturalEnd;
  /** Called once a token; the last call carries the reason of the end. */
  readonly onToken: (token: string, end: NaturalEnd | null) => void;
  /** The engine lost this request. */
  readonly onFailure: () => void;
}

interface Job {
  readonly generation: Generation;
  readonly submittedAtMs: number;
  prefillLeft: number;
  sent: number;
}

const GARBAGE_SPEED_UP = 4;
const PREEMPTIONS_PER_SECOND = 2;
const OVERLOAD_SLOW_DOWN = 2;
const KV_TOKENS_PER_SLOT = 2_048; // size of the key-value cache: what a full batch of usual requests needs

export class Engine {
  readonly counters = new EngineCounters();
  readonly #settings: ClusterSettings;
  readonly #now: () => number;
  readonly #cache: PrefixCache;
  #faults: readonly Fault[] = [];
  #waiting: Job[] = [];
  #running: Job[] = [];
  /** Requests whose engine went away under them: silent until it is back. */
  #orphans: Job[] = [];
  #timer: NodeJS.Timeout | null = null;
  #lastStepAtMs = 0;
  #overloadSinceMs: number | null = null;
  #preemptionsOwed = 0;

  constructor(settings: ClusterSettings, now: () => number = () => performance.now()) {
    this.#settings = settings;
    this.#now = now;
    this.#cache = new PrefixCache(settings.cacheBlocksMax);
  }

  /** Takes a request in; `null` when the queue is full. The function that it answers with withdraws the request. */
  submit(generation: Generation): (() => void) | null {
    if (this.#waiting.length >= this.#settings.queueMax) return null;
    const job: Job = { generation, submittedAtMs: this.#now(), prefillLeft: 0, sent: 0 };
    this.#waiting.push(job);
    this.#admit();
    this.#schedule();
    return () => {
      this.#withdraw(job);
    };
  }

  setFaults(faults: readonly Fault[]): void {
    this.#faults = faults;
    this.#followEngineGone();
    const overloaded = paramsOf(faults, 'overload') !== null;
    this.#overloadSinceMs = overloaded ? (this.#overloadSinceMs ?? this.#now()) : null;
    this.#admit();
    this.#schedule();
  }

  gauges(): EngineGauges {
    const overload = paramsOf(this.#faults, 'overload');
    const tokens = this.#running.reduce((sum, job) => sum + job.generation.promptTokens + job.sent, 0);
    const usage = Math.min(1, tokens / (this.#settings.concurrency * KV_TOKENS_PER_SLOT));
    if (overload === null || this.#overloadSinceMs === null) {
      return { running: this.#running.length, waiting: this.#waiting.length, cacheUsage: usage };
    }
    const strangers = Math.floor(((this.#now() - this.#overloadSinceMs) / 1_000) * overload.queuePerSecond);
    return {
      running: this.#settings.concurrency,
      waiting: this.#waiting.length + strangers,
      cacheUsage: Math.max(usage, 0.99),
    };
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#waiting = [];
    this.#running = [];
    this.#orphans = [];
  }

  #isOn(kind: Fault['kind']): boolean {
    return this.#faults.some((fault) => fault.kind === kind);
  }

  #slots(): number {
    if (this.#isOn('engine-gone')) return 0;
    const overload = paramsOf(this.#faults, 'overload');
    return overload === null ? this.#settings.concurrency : Math.min(overload.slots, this.#settings.concurrency);
  }

  #admit(): void {
    const free = this.#slots() - this.#running.length;
    for (const job of this.#waiting.splice(0, Math.max(0, free))) {
      const { prompt, promptTokens } = job.generation;
      const neverHits = paramsOf(this.#faults, 'cold')?.loading === false;
      if (neverHits) this.#cache.clear();
      const hits = Math.min(this.#cache.read(prompt), promptTokens);
      this.counters.cacheQueries += promptTokens;
      this.counters.cacheHits += hits;
      job.prefillLeft = promptTokens - hits;
      this.#running.push(job);
    }
  }

  #stepMs(): number {
    let ms = 1_000 / this.#settings.tokensPerSecond;
    ms *= paramsOf(this.#faults, 'slow')?.factor ?? 1;
    if (this.#isOn('overload')) ms *= OVERLOAD_SLOW_DOWN;
    if (this.#isOn('garbage')) ms /= GARBAGE_SPEED_UP;
    return ms;
  }

  #schedule(): void {
    const idle = this.#running.length === 0 && !this.#isOn('overload');
    if (this.#timer !== null || idle || this.#isOn('hang') || this.#isOn('engine-gone')) return;
    const now = this.#now();
    const dueAt = Math.max(now, this.#lastStepAtMs + this.#stepMs());
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#isOn('hang') || this.#isOn('engine-gone')) return;
      // The step counts from when it was due: a late timer shortens the next wait instead of slowing the stream.
      this.#lastStepAtMs = dueAt;
      this.#step();
      this.#schedule();
    }, dueAt - now);
  }

  #step(): void {
    const read = this.#prefill();
    const said = this.#decode();
    const strangers = this.#isOn('overload') ? this.#settings.concurrency - this.#running.length : 0;
    this.counters.promptTokens += read;
    this.counters.generationTokens += said + strangers;
    if (read + said + strangers > 0) this.counters.stepTokens.observe(read + said + strangers);
    if (this.#isOn('overload')) this.#preempt();
    this.#admit();
  }

  /** Reads prompts in order of arrival, within this step's budget. */
  #prefill(): number {
    const budget = Math.max(1, Math.floor((this.#settings.prefillTokensPerSecond / 1_000) * this.#ownStepMs()));
    let left = budget;
    for (const job of this.#running) {
      const read = Math.min(job.prefillLeft, left);
      job.prefillLeft -= read;
      left -= read;
    }
    return budget - left;
  }

  /** A step's length without faults: a slowed engine reads less a second, not less a step. */
  #ownStepMs(): number {
    return 1_000 / this.#settings.tokensPerSecond;
  }

  #decode(): number {
    const now = this.#now();
    const lateMs = this.#settings.firstTokenMs + (paramsOf(this.#faults, 'slow-first-token')?.addedMs ?? 0);
    const stalled = this.#isOn('decode-stall');
    let said = 0;
    for (const job of [...this.#running]) {
      if (job.prefillLeft > 0) continue;
      if (job.sent === 0 ? now - job.submittedAtMs < lateMs : stalled) continue;
      this.#sayOne(job, now);
      said += 1;
    }
    return said;
  }

  #sayOne(job: Job, now: number): void {
    const { tokens, finishReason, onToken } = job.generation;
    if (job.sent === 0) this.counters.firstTokenSeconds.observe((now - job.submittedAtMs) / 1_000);
    const token = tokens[job.sent] ?? '';
    job.sent += 1;
    const isLast = job.sent >= tokens.length;
    if (isLast) {
      this.#running = this.#running.filter((other) => other !== job);
      this.counters.ended[finishReason] += 1;
    }
    onToken(token, isLast ? finishReason : null);
  }

  #preempt(): void {
    this.#preemptionsOwed += (this.#stepMs() / 1_000) * PREEMPTIONS_PER_SECOND;
    const whole = Math.floor(this.#preemptionsOwed);
    this.#preemptionsOwed -= whole;
    this.counters.preemptions += whole;
  }

  #withdraw(job: Job): void {
    const size = this.#waiting.length + this.#running.length + this.#orphans.length;
    const others = (list: Job[]): Job[] => list.filter((other) => other !== job);
    [this.#waiting, this.#running, this.#orphans] = [
      others(this.#waiting),
      others(this.#running),
      others(this.#orphans),
    ];
    if (this.#waiting.length + this.#running.length + this.#orphans.length === size) return;
    this.counters.ended.abort += 1;
    this.#admit();
    this.#schedule();
  }

  /** When the engine goes, its requests fall silent; when another one takes its place, it does not know them. */
  #followEngineGone(): void {
    if (this.#isOn('engine-gone')) {
      this.#orphans.push(...this.#running.splice(0));
      return;
    }
    for (const job of this.#orphans.splice(0)) {
      this.counters.ended.error += 1;
      job.generation.onFailure();
    }
  }
}
