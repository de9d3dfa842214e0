/**
 * The loop that turns looks into a state of knowledge. Three things happen in it, each when it is due: a regular tick on
 * a grid that does not drift, one more try on a fresh connection half a second after a first failure, and the result of
 * a completion whenever it arrives.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterSpec } from '../domain/fleet.js';
import type { SelfSeen } from '../domain/health/types.js';
import { observe, type VantageHealth } from '../domain/health/vantage.js';
import { wantsFreshTry } from '../domain/health/wants.js';
import type { ServiceName } from '../domain/words.js';
import { eventLoopLagMs } from './event-loop.js';
import { createGenerationRunner, type GenerationRunner } from './generation-runner.js';
import { probeHttp } from './http.js';
import { createLook, type Look, type LookSources } from './look.js';

/** A refusal half a second later is no blip of the listener; with a shorter interval half of that. */
const FRESH_TRY_AFTER_MS = 500;

export interface WatcherOptions {
  readonly cluster: ClusterSpec;
  readonly services: readonly ServiceName[];
  readonly sources: LookSources;
  readonly signal: AbortSignal;
  readonly now: () => number;
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
  #nextTickAtMs: number;
  #freshTryAtMs: number | null = null;
  /** What the control target said at the last tick. */
  #control: boolean | null = null;
  readonly #closed = new AbortController();

  constructor(given: WatcherOptions) {
    const options = { ...given, signal: AbortSignal.any([given.signal, this.#closed.signal]) };
    const { cluster, services, sources, now, signal } = options;
    this.#options = options;
    this.#look = createLook(cluster, services, sources, { now, signal });
    this.#generations = createGenerationRunner(cluster, signal);
    this.#nextTickAtMs = now();
  }

  close(): void {
    this.#closed.abort();
  }

  async step(health: VantageHealth): Promise<VantageHealth> {
    const { signal } = this.#options;
    await this.#waitUntil(Math.min(this.#nextTickAtMs, this.#freshTryAtMs ?? Infinity));
    signal.throwIfAborted();
    const after = await this.#takeWhatIsDue(health);
    signal.throwIfAborted();
    return after;
  }

  async #takeWhatIsDue(health: VantageHealth): Promise<VantageHealth> {
    const { cluster, now } = this.#options;
    const generation = this.#generations.take();
    if (generation !== undefined) {
      const after = observe(
        health,
        { atMs: now(), generation, self: { ...this.#self(0), control: this.#control } },
        cluster,
      );
      this.#generations.consider(after, now());
      return after;
    }
    if (this.#freshTryAtMs !== null && now() >= this.#freshTryAtMs) return await this.#tryFresh(health);
    return await this.#tick(health);
  }

  async #tick(health: VantageHealth): Promise<VantageHealth> {
    const { cluster, now } = this.#options;
    const plannedAtMs = this.#nextTickAtMs;
    const self = this.#self(now() - plannedAtMs);
    this.#generations.consider(health, now());
    const tick = await this.#look.take(health, self);
    this.#control = tick.self.control;
    const after = observe(health, tick, cluster);
    // Slots that a slow look has used up are skipped; they are no lateness of ours.
    const missed = Math.max(1, Math.ceil((now() - plannedAtMs) / cluster.health.intervalMs));
    this.#nextTickAtMs = plannedAtMs + missed * cluster.health.intervalMs;
    const fresh = wantsFreshTry(after) && after.suspended === null;
    this.#freshTryAtMs = fresh ? now() + Math.min(FRESH_TRY_AFTER_MS, cluster.health.intervalMs / 2) : null;
    this.#generations.consider(after, now());
    return after;
  }

  async #tryFresh(health: VantageHealth): Promise<VantageHealth> {
    const { cluster, now, signal } = this.#options;
    const lateMs = now() - (this.#freshTryAtMs ?? now());
    this.#freshTryAtMs = null;
    const atMs = now();
    const timeoutMs = Math.max(1, this.#nextTickAtMs - atMs);
    const http = await probeHttp(cluster, { fresh: true, timeoutMs, signal });
    return observe(health, { atMs, http, self: { ...this.#self(lateMs), control: this.#control } }, cluster);
  }

  #self(lateMs: number): Omit<SelfSeen, 'control'> {
    return { lag: eventLoopLagMs(), late: Math.max(0, lateMs) / 1000 };
  }

  async #waitUntil(atMs: number): Promise<void> {
    const { now, signal } = this.#options;
    const leftMs = atMs - now();
    if (leftMs <= 0) return;
    const ended = new AbortController();
    const timer = sleep(leftMs, undefined, { signal: AbortSignal.any([signal, ended.signal]) }).catch(() => undefined);
    await Promise.race([timer, this.#generations.finished()]);
    ended.abort();
  }
}
