/**
 * Conversations in a file of the data directory (LMDB): several processes may share it, and a killed one leaves it whole.
 * It serves one machine; replicas on several machines share `redis-store.ts`.
 */
import { open, type Database, type RootDatabase } from 'lmdb';
import { shareOf, unreachable, type ConversationStore, type StoreBounds } from './store.js';

interface Kept {
  readonly expiresAtMs: number;
  readonly text: string;
}

/** When a text expires, and its key: in this order. */
type Expiry = [expiresAtMs: number, key: string];
/** The same within one share. */
type Owned = [share: number, expiresAtMs: number, key: string];

/** Pause between two sweeps, ms: what has expired is not read any more, so its place is not urgent. */
const SWEEP_EVERY_MS = 10_000;
/** Texts that one step of a sweep removes: some ms in which the process does nothing else. */
const SWEPT_AT_ONCE = 500;
/** Steps of one sweep; what is left is for the next. */
const STEPS_MAX = 20;
/** Share of `bytesMax` that one process writes before it sweeps without waiting for the pause. */
const WRITTEN_SHARE = 1 / 16;

const ON_DISK = 'the conversations on disk cannot be used';

/** @throws system errors of the path */
export function openDiskStore(path: string, bounds: StoreBounds, clock: () => number): ConversationStore {
  return new DiskStore(path, bounds, clock);
}

class DiskStore implements ConversationStore {
  readonly #root: RootDatabase;
  readonly #texts: Database<Kept, string>;
  readonly #expiries: Database<true, Expiry>;
  /** Its length. */
  readonly #owned: Database<number, Owned>;
  /** Lengths of all texts of a share. */
  readonly #shares: Database<number, number>;
  readonly #bounds: StoreBounds;
  readonly #clock: () => number;
  readonly #timer: NodeJS.Timeout;
  #writtenBytes = 0;

  constructor(path: string, bounds: StoreBounds, clock: () => number) {
    this.#bounds = bounds;
    this.#clock = clock;
    const options = { path, maxDbs: 4, permissionsMode: 0o600 }; // the last is not in the library's types
    this.#root = open(options);
    this.#texts = this.#root.openDB({ name: 'texts', compression: true });
    this.#expiries = this.#root.openDB({ name: 'expiries' });
    this.#owned = this.#root.openDB({ name: 'owned' });
    this.#shares = this.#root.openDB({ name: 'shares' });
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
      await this.#root.transaction(() => {
        this.#forget(key);
        void this.#texts.put(key, { expiresAtMs, text });
        void this.#expiries.put([expiresAtMs, key], true);
        void this.#owned.put([shareOf(key), expiresAtMs, key], text.length);
        this.#weigh(shareOf(key), text.length);
      });
    } catch (error) {
      throw unreachable(ON_DISK, error);
    }
    this.#writtenBytes += text.length;
    if (this.#writtenBytes > this.#bounds.bytesMax * WRITTEN_SHARE) this.#sweep();
  }

  async delete(key: string): Promise<boolean> {
    try {
      const kept = await this.#root.transaction(() => this.#forget(key));
      return kept !== undefined && kept.expiresAtMs > this.#clock();
    } catch (error) {
      throw unreachable(ON_DISK, error);
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#root.close();
  }

  /** Within a transaction. */
  #forget(key: string): Kept | undefined {
    const kept = this.#texts.get(key);
    if (kept === undefined) return undefined;
    this.#takeOut([kept.expiresAtMs, key]);
    return kept;
  }

  #takeOut([expiresAtMs, key]: Expiry): number {
    const share = shareOf(key);
    const length = this.#owned.get([share, expiresAtMs, key]) ?? 0;
    void this.#texts.remove(key);
    void this.#expiries.remove([expiresAtMs, key]);
    void this.#owned.remove([share, expiresAtMs, key]);
    this.#weigh(share, -length);
    return length;
  }

  #weigh(share: number, change: number): void {
    const length = (this.#shares.get(share) ?? 0) + change;
    if (length > 0) void this.#shares.put(share, length);
    else void this.#shares.remove(share);
  }

  /** Takes out what has expired, then the oldest of whoever takes most until the rest is within its bounds. */
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
    return this.#root.transactionSync(() => {
      const expired = [...this.#expiries.getKeys({ end: [this.#clock(), ''], limit: SWEPT_AT_ONCE })];
      for (const expiry of expired) this.#takeOut(expiry);
      const excess = this.#bytes() - this.#bounds.bytesMax;
      return excess > 0 ? this.#shrinkBy(excess) : expired.length === SWEPT_AT_ONCE;
    });
  }

  /** Of lengths as they are told, though texts are compressed: it may take some steps. False: nothing older is left. */
  #shrinkBy(excess: number): boolean {
    const shares = new Map(Array.from(this.#shares.getRange(), ({ key, value }) => [key, value]));
    let left = excess;
    for (let swept = 0; left > 0 && swept < SWEPT_AT_ONCE; swept++) {
      const expiry = this.#oldestOf(largestOf(shares));
      if (expiry === null) return false;
      const length = this.#takeOut(expiry);
      const share = shareOf(expiry[1]);
      shares.set(share, (shares.get(share) ?? 0) - length);
      left -= Math.max(1, length);
    }
    return true;
  }

  /** Of this share, or of all where there is none: an earlier version wrote none. `null`: it is the only text. */
  #oldestOf(share: number | null): Expiry | null {
    const [first, second] = this.#expiries.getKeys({ limit: 2 });
    if (second === undefined || first === undefined) return null;
    if (share === null) return first;
    const [owned] = this.#owned.getKeys({ start: [share, 0, ''], end: [share + 1, 0, ''], limit: 1 });
    return owned === undefined ? first : [owned[1], owned[2]];
  }

  #bytes(): number {
    const stats = this.#texts.getStats() as Readonly<Record<string, number>>;
    const pages = ['treeBranchPageCount', 'treeLeafPageCount', 'overflowPages'].map((name) => stats[name] ?? 0);
    return pages.reduce((sum, count) => sum + count, 0) * (stats['pageSize'] ?? 0);
  }
}

function largestOf(shares: ReadonlyMap<number, number>): number | null {
  let [largest, most]: [number | null, number] = [null, 0];
  for (const [share, length] of shares) if (length > most) [largest, most] = [share, length];
  return largest;
}

function unreachableOnError<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw unreachable(ON_DISK, error);
  }
}
