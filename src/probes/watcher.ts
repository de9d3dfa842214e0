/**
 * The loop that turns looks into a state of knowledge. Three things happen in it, each when it is due: a regular tick on
 * a grid that does not drift, one more try on a fresh connection half a second after a first failure, and the result of
 * a completion whenever it arrives.
 */
import type { ClusterSpec } from '../domain/fleet.js';
import type { SelfSeen, TickSeen } from '../domain/health/types.js';
import { observe, type VantageHealth } from '../domain/health/vantage.js';
import { wantsFreshTry } from '../domain/health/wants.js';
import type { ServiceName } from '../domain/words.js';
import { eventLoopLagMs } from './event-loop.js';
import { createGenerationRunner, type GenerationRunner } from './generation-runner.js';
import { probeHttp } from './http.js';
import { createLook, type Look, type LookSources } from './look.js';
import { firstTick, nextTick, phaseOf } from './watch-grid.js';

/** A refusal half a second later is no blip of the listener; with a shorter interval half of that. */
const FRESH_TRY_AFTER_MS = 500;

export interface WatcherOptions {
  readonly cluster: ClusterSpec;
  readonly services: readonly ServiceName[];
  readonly sources: LookSources;
  readonly signal: AbortSignal;
  readonly now: () => number;
  /** Hears of everything that was seen, before it is judged: a recorder's. */
  readonly onSeen?: (tick: TickSeen) => void;
}

/** One step of the loop at a time, so that whoever drives it decides when it ends. */
export interface Watcher {
  /** Waits for what is due next and takes it in. @throws the signal's reason when it is aborted */
  step(health: VantageHealth): Promise<VantageHealth>;
  /** Gives up what is still under way. */
  close(): void;
}

export function createWatcher(options: WatcherOptions): Watcher {
  return new ClusterWatcher(options);
}

class ClusterWatcher implements Watcher {
  readonly #options: WatcherOptions;
  readonly #look: Look;
  readonly #generations: GenerationRunner;
  readonly #phaseMs: number;
  /** `null` before the first step. */
  #nextTickAtMs: number | null = null;
  #freshTryAtMs: number | null = null;
  /** What the control target said at the last tick. */
  #control: boolean | null = null;
  readonly #closed = new AbortController();
  /** Ends the present wait. */
  #wake: () => void = () => undefined;

  constructor(given: WatcherOptions) {
    const options = { ...given, signal: AbortSignal.any([given.signal, this.#closed.signal]) };
    const { cluster, services, sources, now, signal } = options;
    this.#options = options;
    this.#look = createLook(cluster, services, sources, { now, signal });
    this.#generations = createGenerationRunner(cluster, signal, () => this.#wake());
    this.#phaseMs = phaseOf(services[0] ?? cluster.name, cluster.health.intervalMs);
    signal.addEventListener('abort', () => this.#wake(), { once: true });
  }

  close(): void {
    this.#closed.abort();
  }

  async step(health: VantageHealth): Promise<VantageHealth> {
    const { cluster, now, signal } = this.#options;
    signal.throwIfAborted();
    this.#nextTickAtMs ??= firstTick(
      { atMs: now(), lastTickAtMs: health.lastTickAtMs },
      this.#phaseMs,
      cluster.health.intervalMs,
    );
    const plannedAtMs = this.#nextTickAtMs;
    await this.#waitUntil(Math.min(plannedAtMs, this.#freshTryAtMs ?? Infinity));
    signal.throwIfAborted();
    const after = await this.#takeWhatIsDue(health, plannedAtMs);
    signal.throwIfAborted();
    return after;
  }

  async #takeWhatIsDue(health: VantageHealth, plannedAtMs: number): Promise<VantageHealth> {
    const { now } = this.#options;
    const generation = this.#generations.take();
    if (generation !== undefined) {
      const after = this.#observe(health, {
        atMs: now(),
        generation,
        self: { ...this.#self(0), control: this.#control },
      });
      this.#generations.consider(after, now());
      return after;
    }
    if (this.#freshTryAtMs !== null && now() >= this.#freshTryAtMs) return await this.#tryFresh(health, plannedAtMs);
    return await this.#tick(health, plannedAtMs);
  }

  async #tick(health: VantageHealth, plannedAtMs: number): Promise<VantageHealth> {
    const { cluster, now } = this.#options;
    const self = this.#self(now() - plannedAtMs);
    this.#generations.consider(health, now());
    const tick = await this.#look.take(health, self);
    this.#control = tick.self.control;
    const after = this.#observe(health, tick);
    const { intervalMs } = cluster.health;
    this.#nextTickAtMs = nextTick({ atMs: now(), plannedAtMs }, this.#phaseMs, intervalMs);
    const fresh = wantsFreshTry(after) && after.suspended === null;
    this.#freshTryAtMs = fresh ? now() + Math.min(FRESH_TRY_AFTER_MS, intervalMs / 2) : null;
    this.#generations.consider(after, now());
    return after;
  }

  async #tryFresh(health: VantageHealth, nextTickAtMs: number): Promise<VantageHealth> {
    const { cluster, now, signal } = this.#options;
    const lateMs = now() - (this.#freshTryAtMs ?? now());
    this.#freshTryAtMs = null;
    const atMs = now();
    const timeoutMs = Math.max(1, nextTickAtMs - atMs);
    const http = await probeHttp(cluster, { fresh: true, timeoutMs, signal });
    return this.#observe(health, { atMs, http, self: { ...this.#self(lateMs), control: this.#control } });
  }

  #observe(health: VantageHealth, tick: TickSeen): VantageHealth {
    this.#options.onSeen?.(tick);
    return observe(health, tick, this.#options.cluster);
  }

  #self(lateMs: number): Omit<SelfSeen, 'control'> {
    return { lag: eventLoopLagMs(), late: Math.max(0, lateMs) / 1000 };
  }

  /** Until then, or until a completion has finished or the watch ends; with a clock that was put back not for ever. */
  async #waitUntil(atMs: number): Promise<void> {
    const { cluster, now, signal } = this.#options;
    const leftMs = Math.min(atMs - now(), 2 * cluster.health.intervalMs);
    if (leftMs <= 0 || this.#generations.hasFinished() || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, leftMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
