/**
 * Requests of one service that wait for room: bounded in number and time, in the order of domain/admission/waiting-order.
 * When it is full the last in that order must go, be it the one that just came. Keys take turns: one that sends many
 * requests waits longer for each, and the others hardly notice.
 */
import { compareWaiting, type Place } from '../../domain/admission/waiting-order.js';
import type { ClusterName } from '../../domain/words.js';
import { Deadline } from '../deadline.js';
import type { Choice } from './member.js';

/** What must be known of a request to find it a cluster. */
export interface Claimant extends Omit<Place, 'turn'> {
  /** Name of the caller's key; `null`: callers need none, and all wait in one row. */
  readonly owner: string | null;
  readonly key: string | null;
  /** Clusters that it does not go to (again). */
  readonly tried: ReadonlySet<ClusterName>;
}

/** A place in the queue. */
export interface Waiting {
  /** A choice whose room is taken already, or `null`: there was none in time, or the caller left. */
  readonly granted: Promise<Choice | null>;
  /** The caller left; what was not granted by now never will be. */
  leave(): void;
}

export interface QueueLimits {
  readonly waitingMax: number;
  readonly waitMs: number;
}

interface Entry extends Waiting {
  readonly claimant: Claimant & Place;
  settle(choice: Choice | null): void;
}

export class WaitQueue {
  #entries: Entry[] = [];
  /** Of the last one that was given room. */
  #turn = 0;

  get length(): number {
    return this.#entries.length;
  }

  join(came: Claimant, { waitingMax, waitMs }: QueueLimits): Waiting {
    const claimant = { ...came, turn: this.#turnOf(came) };
    const entry = this.#entryOf(claimant, waitMs);
    const at = this.#entries.findLastIndex((other) => compareWaiting(other.claimant, claimant) < 0) + 1;
    this.#entries.splice(at, 0, entry);
    if (this.#entries.length > waitingMax) this.#entries.at(-1)?.settle(null);
    return entry;
  }

  /**
   * Serves those for whom `place` finds room, in order. Whoever is open to any cluster stands for all that come after it
   * and are so too: when there is no room for it, there is none for them.
   */
  serve(place: (claimant: Claimant) => Choice | null): void {
    let noneAtAll = false;
    for (const entry of [...this.#entries]) {
      const { tried, begun } = entry.claimant;
      const open = tried.size === 0 && !begun;
      if (noneAtAll && open) continue;
      const choice = place(entry.claimant);
      if (choice !== null) {
        this.#turn = Math.max(this.#turn, entry.claimant.turn);
        entry.settle(choice);
      } else if (open) noneAtAll = true;
    }
  }

  /** One after the last of the same key that waits, else the next one. Who is on a second try has waited before. */
  #turnOf({ owner, tried }: Claimant): number {
    if (owner === null) return 0;
    if (tried.size > 0) return this.#turn + 1;
    const last = this.#entries.reduce(
      (most, { claimant: c }) => (c.owner === owner ? Math.max(most, c.turn) : most),
      0,
    );
    return Math.max(this.#turn, last) + 1;
  }

  #entryOf(claimant: Entry['claimant'], waitMs: number): Entry {
    let grant: (choice: Choice | null) => void = () => undefined;
    const granted = new Promise<Choice | null>((resolve) => {
      grant = resolve;
    });
    const entry: Entry = {
      claimant,
      granted,
      leave: () => entry.settle(null),
      settle: (choice) => {
        deadline.stop();
        const at = this.#entries.indexOf(entry);
        if (at < 0) return;
        this.#entries.splice(at, 1);
        grant(choice);
      },
    };
    const deadline = new Deadline(waitMs, () => entry.leave());
    return entry;
  }
}
