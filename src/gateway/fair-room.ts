/**
 * A room that callers share while something of theirs is under way. No owner may take more than is free: one alone gets
 * half of it, and whoever comes next still finds some, whatever the others do. What has no owner may take all of it.
 */
export class FairRoom {
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
  has(owner: string | null, amount: number): boolean {
    const taken = owner === null ? 0 : (this.#taken.get(owner) ?? 0);
    return taken + amount <= this.#max - this.#total;
  }

  take(owner: string | null, amount: number): void {
    this.#total += amount;
    if (owner !== null) this.#taken.set(owner, (this.#taken.get(owner) ?? 0) + amount);
  }

  /** What was taken. Of owners that hold nothing nothing is kept. */
  giveBack(owner: string | null, amount: number): void {
    this.#total -= amount;
    if (owner === null) return;
    const left = (this.#taken.get(owner) ?? 0) - amount;
    if (left > 0) this.#taken.set(owner, left);
    else this.#taken.delete(owner);
  }
}
