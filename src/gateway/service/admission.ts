/**
 * What happens to a request whose cluster is full. While nobody is, none of this runs: a request then costs one comparison.
 *
 *     full --another that carries has room--> there
 *       '--a standby has room, and the share of spilled requests allows--> there
 *       '--else: queue --room in time--> there
 *                  '--too many wait, or waited too long--> shed
 *
 * Room that is found is taken at once, so that nobody who comes later can take it from somebody who was promised it.
 */
import { performance } from 'node:perf_hooks';
import { limitForBegun, maySpill } from '../../domain/admission/room.js';
import type { OverloadSettings } from '../../domain/fleet.js';
import type { ClusterName } from '../../domain/words.js';
import type { CallerTally } from './counters.js';
import { chosen, limitOf, type Choice, type Member } from './member.js';
import { WaitQueue, type Claimant, type Waiting } from './wait-queue.js';

/** What admission must know of its service. */
export interface Cast {
  readonly members: readonly Member[];
  readonly overload: OverloadSettings;
  readonly callers: CallerTally;
  /** Whose turn it is among those that carry, without some of them; `null` when none is left. */
  carrier(key: string | null, without: ReadonlySet<ClusterName>): Choice | null;
  /** Whether anybody carries besides those. */
  hasCarrier(without: ReadonlySet<ClusterName>): boolean;
}

export class Admission {
  readonly #cast: Cast;
  readonly #queue = new WaitQueue();
  #spilling = 0;

  constructor(cast: Cast) {
    this.#cast = cast;
  }

  /** How many wait now. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Takes a place on the chosen cluster. */
  claim(choice: Choice): Choice {
    choice.member.inFlight++;
    choice.load.running++;
    if (choice.spilled) {
      choice.member.tally.spilled++;
      this.#spilling++;
    }
    return choice;
  }

  /** Gives the place back; whoever waits is served by `serve`, when all else is noted. */
  release({ member, spilled, load }: Choice): void {
    member.inFlight--;
    load.running--;
    if (spilled) this.#spilling--;
  }

  /** For a request whose cluster is full: a place elsewhere at once, or in the queue. */
  seek(claimant: Claimant): Waiting {
    const choice = this.#take(claimant);
    if (choice !== null) return { granted: Promise.resolve(choice), leave: () => undefined };
    this.#cast.callers.queued++;
    const waiting = this.#queue.join(claimant, this.#cast.overload);
    this.#listen();
    return waiting;
  }

  /** To be called whenever there may be room that was not there before. */
  serve(): void {
    if (this.#queue.length > 0) this.#queue.serve((claimant) => this.#take(claimant));
    this.#listen();
  }

  /** Of a cluster that several services share, room may come from any of them. */
  #listen(): void {
    for (const { upstream } of this.#cast.members) {
      if (this.#queue.length > 0) upstream.load.waiters.add(this);
      else upstream.load.waiters.delete(this);
    }
  }

  #take(claimant: Claimant): Choice | null {
    const choice = this.#place(claimant);
    return choice === null ? null : this.claim(choice);
  }

  #place(claimant: Claimant): Choice | null {
    const within = this.#placeWithin(claimant, (limit) => limit);
    return within === null && claimant.begun ? this.#placeWithin(claimant, limitForBegun) : within;
  }

  #placeWithin({ key, tried, begun }: Claimant, within: (limit: number) => number): Choice | null {
    const { members } = this.#cast;
    const closed = new Set(tried);
    for (const m of members) if (m.upstream.load.running >= within(limitOf(m))) closed.add(m.name);
    const carrier = this.#cast.carrier(key, closed);
    if (carrier !== null) return carrier;
    const standby = members.find((m) => !m.drained && !m.ejection.out && !closed.has(m.name));
    if (standby === undefined) return null;
    // Where those that carry are not full but failed, or an answer must go on, a standby does what it is there for.
    const spilled = !begun && this.#cast.hasCarrier(tried);
    const running = members.reduce((sum, m) => sum + m.inFlight, 0);
    if (spilled && !maySpill({ running, spilled: this.#spilling, maxPct: this.#cast.overload.spillMaxPct }))
      return null;
    return chosen(standby, { onTrial: false, spilled, nowMs: performance.now() });
  }
}
