/**
 * Who is present, where somebody comes and goes with every request. A `Set` would do, but for the garbage collector: it
 * makes itself anew all the time, each old table points to the next one, and the first that has become old by itself keeps
 * all later ones alive, with the requests in them, until the next full collection. Seen: a third of the processor time.
 */
export interface Listed {
  /** Where it stands; the roll's own note. On one roll at a time. */
  place: number;
}

export class Roll<T extends Listed> {
  /** Never made shorter, for that makes an array anew too. Behind the first `#count` there is nobody. */
  readonly #places: (T | null)[] = [];
  #count = 0;

  /** Those that are there now, in no order; does not change when they leave. */
  list(): readonly T[] {
    return this.#places.filter((one) => one !== null);
  }

  add(one: T): void {
    one.place = this.#count;
    this.#places[this.#count++] = one;
  }

  /** The last takes its place. Repeatable. */
  remove(one: T): void {
    if (this.#places[one.place] !== one) return;
    const last = this.#places[--this.#count] ?? one;
    this.#places[one.place] = last;
    last.place = one.place;
    this.#places[this.#count] = null;
  }
}
