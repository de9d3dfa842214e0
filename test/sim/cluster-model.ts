/** What probes and callers would see of a cluster in each condition: the failure models of traces and of the simulation. */
import type { GenerationSeen, HttpSeen, MetricsSeen, PassiveSeen } from '../../src/domain/health/types.js';
import type { SeenFromVantage } from '../../src/domain/simulation/trace.js';
import type { Random } from './random.js';

export const CONDITIONS = [
  'well',
  'refused',
  'silent',
  'hung',
  'engine-gone',
  'decode-stall',
  'errors',
  'slow',
  'cutting',
  'garbage',
  'gpu-lost',
  'memory-high',
  'overloaded',
  'loading',
  'other-model',
  'metrics-gone',
  'client-errors',
  'quota',
  'long-prefill',
] as const;
export type Condition = (typeof CONDITIONS)[number];

export interface ClusterModelSettings {
  readonly engine: string;
  readonly model: string;
  readonly concurrency: number;
  /** Share of requests and completions that fail in the conditions `errors` and `cutting`. */
  readonly badShare: number;
}

const GONE: SeenFromVantage = { gpu: null, memory: null, metrics: null, identity: null };

export class ClusterModel {
  /** Monotonic counters of the engine. */
  #steps = 100_000;
  #tokens = 9_000_000;
  #preemptions = 0;
  #waiting = 0;
  #metrics: MetricsSeen | null = null;

  constructor(
    private readonly settings: ClusterModelSettings,
    private readonly random: Random,
  ) {}

  /** Time passes: the engine works. Once a tick, before anybody looks. */
  work(condition: Condition, load: number): void {
    const busy = load > 0;
    const moves = !['hung', 'engine-gone', 'refused', 'silent', 'loading'].includes(condition);
    if (moves && busy) this.#steps += this.random.whole(50, 90);
    if (moves && busy && condition !== 'long-prefill' && condition !== 'decode-stall')
      this.#tokens += this.random.whole(900, 2_000);
    if (condition === 'overloaded') this.#preemptions += this.random.whole(1, 6);
    const queue = condition === 'hung' || condition === 'engine-gone';
    this.#waiting = queue ? this.#waiting + (busy ? Math.max(1, Math.round(load / 6)) : 0) : 0;
    this.#metrics = this.#page(condition, load);
  }

  seen(condition: Condition, noise: number): SeenFromVantage {
    const missed = this.random.chance(noise);
    const http = missed ? { error: 'timeout', ms: 1_000 } : this.#http(condition);
    const generation = this.#generation(condition, noise);
    if (condition === 'refused' || condition === 'silent') return { ...GONE, http, generation };
    if (condition === 'loading') return { ...GONE, http, generation };
    return {
      http,
      generation,
      gpu: condition === 'gpu-lost' ? { healthy: false, xid: 79 } : { healthy: true },
      memory: {
        used: condition === 'memory-high' ? this.random.between(0.955, 0.99) : this.random.between(0.85, 0.92),
      },
      metrics: condition === 'metrics-gone' ? null : this.#metrics,
      identity: condition === 'other-model' ? `${this.settings.model}-mini` : this.settings.model,
    };
  }

  /** What `requests` real requests met since the last tick. */
  traffic(condition: Condition, requests: number): PassiveSeen {
    const count = this.random.chance(0.5) ? Math.round(requests) : Math.round(requests * this.random.between(0.6, 1.4));
    const all = { requests: count, client: 0, quota: 0, cluster: 0, cut: 0, ttft95: this.random.whole(300, 550) };
    const share = (of: number): number => Math.round(count * of);
    const idle = { ...all, requests: 0, ttft95: null };
    if (count === 0) return idle;
    switch (condition) {
      case 'refused':
      case 'silent':
      case 'loading':
        return { ...all, cluster: count };
      case 'hung':
      case 'engine-gone':
        return idle;
      case 'errors':
        return { ...all, cluster: this.#some(count) };
      case 'cutting':
        return { ...all, cut: this.#some(count) };
      case 'decode-stall':
        return { ...all, cut: share(0.95) };
      case 'gpu-lost':
        return { ...all, cluster: share(0.2) };
      case 'slow':
        return { ...all, ttft95: 11_000 };
      case 'overloaded':
        return { ...all, quota: share(0.1), ttft95: 8_000 };
      case 'client-errors':
        return { ...all, client: share(0.6) };
      case 'quota':
        return { ...all, quota: share(0.4) };
      case 'well':
      case 'garbage':
      case 'memory-high':
      case 'other-model':
      case 'metrics-gone':
      case 'long-prefill':
        return { ...all, client: this.random.chance(0.05) ? 1 : 0 };
    }
  }

  #some(count: number): number {
    let bad = 0;
    for (let i = 0; i < count; i += 1) if (this.random.chance(this.settings.badShare)) bad += 1;
    return bad;
  }

  #http(condition: Condition): HttpSeen {
    const ms = this.random.between(1, 14);
    if (condition === 'refused') return { error: 'ECONNREFUSED', ms: 1 };
    if (condition === 'silent') return { error: 'timeout', ms: 1_000 };
    if (condition === 'loading') return { status: 503, ms, body: 'Loading model' };
    return { status: 200, ms: condition === 'slow' ? this.random.whole(2_200, 4_000) : ms };
  }

  #generation(condition: Condition, noise: number): GenerationSeen {
    const ttft = this.random.whole(80, 220);
    const well = { ok: true, ttft, gap: this.random.whole(20, 35), content: true };
    if (this.random.chance(noise)) return { ok: false, error: 'timeout' };
    switch (condition) {
      case 'refused':
        return { ok: false, error: 'ECONNREFUSED' };
      case 'silent':
      case 'hung':
      case 'engine-gone':
        return { ok: false, error: 'timeout' };
      case 'loading':
        return { ok: false, error: '503' };
      case 'decode-stall':
        return { ok: false, ttft, error: 'no second token' };
      case 'errors':
        return this.random.chance(this.settings.badShare) ? { ok: false, error: '500' } : well;
      case 'slow':
        return { ...well, ttft: 9_000, gap: 400 };
      case 'garbage':
        return { ...well, content: false };
      case 'overloaded':
        return this.random.chance(0.4) ? { ok: false, error: 'timeout' } : { ...well, ttft: 7_000 };
      case 'long-prefill':
        return { ...well, ttft: this.random.whole(400, 1_500) };
      case 'well':
      case 'cutting':
      case 'gpu-lost':
      case 'memory-high':
      case 'other-model':
      case 'metrics-gone':
      case 'client-errors':
      case 'quota':
        return well;
    }
  }

  #page(condition: Condition, load: number): MetricsSeen | null {
    if (this.settings.engine === 'generic') return null;
    const running = load === 0 ? 0 : Math.max(1, Math.round(load * this.random.between(0.8, 1.3)));
    const page = {
      age: 0,
      running,
      waiting: 0,
      steps: this.#steps,
      tokens: this.#tokens,
      kv: 0.3,
      preemptions: this.#preemptions,
    };
    const { concurrency } = this.settings;
    if (condition === 'overloaded')
      return { ...page, running: concurrency, waiting: Math.round(concurrency * 0.7), kv: 1 };
    if (condition === 'engine-gone') return { ...page, running: 0, waiting: this.#waiting, kv: 0 };
    if (condition === 'hung') return { ...page, running: load === 0 ? 0 : 14, waiting: this.#waiting };
    return page;
  }
}
