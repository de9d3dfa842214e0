/**
 * A room that callers share while something of theirs is under way. Nobody may take more than is free: one alone gets half
 * of it, and whoever comes next still finds some, whatever the others do.
 */
export class SharedRoom {
  readonly #max: number;
  readonly #taken = new Map<string, number>();
  #total = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Of all. */
  get total(): number {
    return this.#total;
  }

  /** Whether `owner` may take `amount` more. */
  has(owner: string, amount: number): boolean {
    return (this.#taken.get(owner) ?? 0) + amount <= this.#max - this.#total;
  }

  take(owner: string, amount: number): void {
    this.#total += amount;
    this.#taken.set(owner, (this.#taken.get(owner) ?? 0) + amount);
  }

  /** What was taken. Of owners that hold nothing nothing is kept. */
  giveBack(owner: string, amount: number): void {
    this.#total -= amount;
    const left = (this.#taken.get(owner) ?? 0) - amount;
    if (left > 0) this.#taken.set(owner, left);
    else this.#taken.delete(owner);
  }
}
