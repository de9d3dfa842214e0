/**
 * The one writer of the route table: changes are worked out one after the other, brought to disk together, applied, and
 * only then answered. A change that cannot be brought to disk is not applied.
 */
import { messageOf } from '../../domain/describe-error.js';
import { CodedError } from '../../domain/errors.js';
import type { RouteTable } from './route-table.js';

/** Changes that may wait for the disk. A controller sends a few a second; more means that the disk hangs. */
const PENDING_MAX = 1_000;

export type Change = (table: RouteTable) => RouteTable;

interface Pending {
  readonly change: Change;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface RouteStoreOptions {
  readonly table: RouteTable;
  readonly save: (table: RouteTable) => Promise<void>;
  /** Resolves when nobody serves by an older table any more. */
  readonly apply: (table: RouteTable) => Promise<void>;
}

export class RouteStore {
  readonly #options: RouteStoreOptions;
  #table: RouteTable;
  #pending: Pending[] = [];
  #writing: Promise<void> | null = null;

  constructor(options: RouteStoreOptions) {
    this.#options = options;
    this.#table = options.table;
  }

  get table(): RouteTable {
    return this.#table;
  }

  /**
   * Resolves when the change is on disk and applied.
   * @throws whatever `change` throws; CodedError `layer-unreachable` when the disk refuses or too many changes wait
   */
  async change(change: Change): Promise<void> {
    if (this.#pending.length >= PENDING_MAX)
      throw new CodedError('layer-unreachable', 'too many changes wait for the disk');
    const done = new Promise<void>((resolve, reject) => {
      this.#pending.push({ change, resolve, reject });
    });
    this.#writing ??= this.#write();
    await done;
  }

  /** Resolves when nothing waits for the disk. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#pending;
      this.#pending = [];
      await this.#writeBatch(batch);
    }
    this.#writing = null;
  }

  async #writeBatch(batch: readonly Pending[]): Promise<void> {
    let next = this.#table;
    const understood: Pending[] = [];
    for (const pending of batch) {
      try {
        next = pending.change(next);
        understood.push(pending);
      } catch (error) {
        pending.reject(error);
      }
    }
    try {
      if (next !== this.#table) await this.#options.save(next);
      this.#table = next;
      await this.#options.apply(next);
      for (const pending of understood) pending.resolve();
    } catch (error) {
      const why = messageOf(error);
      const failed = new CodedError('layer-unreachable', `the route table could not be written: ${why}`, {
        cause: error,
      });
      for (const pending of understood) pending.reject(failed);
    }
  }
}
