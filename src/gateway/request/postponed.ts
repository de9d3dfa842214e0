/** What came while something was waited for, to be done after it, in order. */
export class Postponed {
  #wait: Promise<void> | null = null;

  /** `then` is called when `wait` is over, well or not. */
  until(wait: Promise<void>, then: () => void): void {
    const go = (): void => {
      this.#wait = null;
      then();
    };
    this.#wait = wait.then(go, go);
  }

  /** True: something is waited for, and `later` is called after it. */
  also(later: () => void): boolean {
    if (this.#wait === null) return false;
    void this.#wait.then(later);
    return true;
  }
}
