/**
 * Conversations in a file of the data directory (LMDB): several processes may share it, and a killed one leaves it whole.
 * It serves one machine; replicas on several machines share `redis-store.ts`.
 */
import { open, type Database, type RootDatabase } from 'lmdb';
import { CodedError } from '../../domain/errors.js';
import type { ConversationStore, StoreBounds } from './store.js';

interface Kept {
  readonly expiresAtMs: number;
  readonly text: string;
}

/** When a text expires, and its key: in this order. */
type Expiry = [number, string];

/** Pause between two sweeps, ms: what has expired is not read any more, so its place is not urgent. */
const SWEEP_EVERY_MS = 10_000;
/** Texts that one step of a sweep removes: some ms in which the process does nothing else. */
const SWEPT_AT_ONCE = 500;
/** Steps of one sweep; what is left is for the next. */
const STEPS_MAX = 20;
/** Share of `bytesMax` that one process writes before it sweeps without waiting for the pause. */
const WRITTEN_SHARE = 1 / 16;

/** @throws system errors of the path */
export function openDiskStore(path: string, bounds: StoreBounds, clock: () => number): ConversationStore {
  return new DiskStore(path, bounds, clock);
}

class DiskStore implements ConversationStore {
  readonly #root: RootDatabase;
  readonly #texts: Database<Kept, string>;
  readonly #expiries: Database<true, Expiry>;
  readonly #bounds: StoreBounds;
  readonly #clock: () => number;
  readonly #timer: NodeJS.Timeout;
  #writtenBytes = 0;

  constructor(path: string, bounds: StoreBounds, clock: () => number) {
    this.#bounds = bounds;
    this.#clock = clock;
    const options = { path, maxDbs: 2, permissionsMode: 0o600 }; // the last is not in the library's types
    this.#root = open(options);
    this.#texts = this.#root.openDB({ name: 'texts', compression: true });
    this.#expiries = this.#root.openDB({ name: 'expiries' });
    this.#timer = setInterval(() => this.#sweep(), SWEEP_EVERY_MS).unref();
  }

  async get(key: string): Promise<string | null> {
    return unreachableOnError(() => {
      const kept = this.#texts.get(key);
      return kept === undefined || kept.expiresAtMs <= this.#clock() ? null : kept.text;
    });
  }

  async put(key: string, text: string): Promise<void> {
    const expiresAtMs = this.#clock() + this.#bounds.ttlMs;
    try {
      const before = this.#texts.get(key);
      await this.#root.batch(() => {
        if (before !== undefined) void this.#expiries.remove([before.expiresAtMs, key]);
        void this.#texts.put(key, { expiresAtMs, text });
        void this.#expiries.put([expiresAtMs, key], true);
      });
    } catch (error) {
      throw unreachable(error);
    }
    this.#writtenBytes += text.length;
    if (this.#writtenBytes > this.#bounds.bytesMax * WRITTEN_SHARE) this.#sweep();
  }

  async delete(key: string): Promise<boolean> {
    try {
      const kept = this.#texts.get(key);
      if (kept === undefined) return false;
      await this.#root.batch(() => {
        void this.#texts.remove(key);
        void this.#expiries.remove([kept.expiresAtMs, key]);
      });
      return kept.expiresAtMs > this.#clock();
    } catch (error) {
      throw unreachable(error);
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#root.close();
  }

  /** Takes out what has expired, then the oldest until the rest is within its bounds. */
  #sweep(): void {
    this.#writtenBytes = 0;
    try {
      for (let step = 0; step < STEPS_MAX; step++) if (!this.#sweepStep()) return;
    } catch {
      // A disk that refuses says so to whoever writes; the next sweep tries again.
    }
  }

  /** True when there may be more to take out. */
  #sweepStep(): boolean {
    const tooMany = this.#bytes() > this.#bounds.bytesMax;
    const end: Expiry = tooMany ? [Infinity, ''] : [this.#clock(), ''];
    return this.#root.transactionSync(() => {
      const oldest = [...this.#expiries.getKeys({ end, limit: SWEPT_AT_ONCE })];
      const { length } = oldest;
      // The last few are large ones: half of them may be enough.
      const going = tooMany && length < SWEPT_AT_ONCE ? oldest.slice(0, Math.ceil(length / 2)) : oldest;
      for (const expiry of going) {
        void this.#expiries.remove(expiry);
        void this.#texts.remove(expiry[1]);
      }
      return length === SWEPT_AT_ONCE || (tooMany && length > 1);
    });
  }

  #bytes(): number {
    const stats = this.#texts.getStats() as Readonly<Record<string, number>>;
    const pages = ['treeBranchPageCount', 'treeLeafPageCount', 'overflowPages'].map((name) => stats[name] ?? 0);
    return pages.reduce((sum, count) => sum + count, 0) * (stats['pageSize'] ?? 0);
  }
}

function unreachableOnError<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw unreachable(error);
  }
}

function unreachable(cause: unknown): CodedError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new CodedError('conversations-unreachable', `the conversations on disk cannot be used: ${why}`, { cause });
}
