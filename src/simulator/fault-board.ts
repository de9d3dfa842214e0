/** The faults that are on, one a kind, each with its lease: what has a duration ends without anybody's help. */
import type { ActiveFault, Fault, FaultKind } from './faults.js';

export class FaultBoard {
  readonly #active = new Map<FaultKind, ActiveFault>();
  readonly #leases = new Map<FaultKind, NodeJS.Timeout>();
  readonly #onExpiry: () => void;

  /** `onExpiry` is told when a lease ended by itself; orders are the caller's own and told to nobody. */
  constructor(onExpiry: () => void) {
    this.#onExpiry = onExpiry;
  }

  list(): readonly ActiveFault[] {
    return [...this.#active.values()];
  }

  /** Puts a fault on; one of the same kind is replaced, lease included. */
  put(fault: Fault, durationMs: number | null): ActiveFault {
    const startedAtMs = Date.now();
    this.#forget(fault.kind);
    const active = { ...fault, startedAtMs, endsAtMs: durationMs === null ? null : startedAtMs + durationMs };
    this.#active.set(fault.kind, active);
    if (durationMs !== null)
      this.#leases.set(
        fault.kind,
        setTimeout(() => this.#expire(fault.kind), durationMs),
      );
    return active;
  }

  /** Takes one fault off, or all of them. Answers with the kinds that were on. */
  clear(kind: FaultKind | null): readonly FaultKind[] {
    const cleared = [...this.#active.keys()].filter((active) => kind === null || active === kind);
    for (const each of cleared) this.#forget(each);
    return cleared;
  }

  #expire(kind: FaultKind): void {
    this.#forget(kind);
    this.#onExpiry();
  }

  #forget(kind: FaultKind): void {
    clearTimeout(this.#leases.get(kind));
    this.#leases.delete(kind);
    this.#active.delete(kind);
  }
}
