/**
 * Passive ejection of one cluster, from what real requests meet: in, out for a growing while, then one request at a time
 * on trial. Whether a cluster may be ejected at all (never the last one) is its service's to say. Times are arguments.
 *
 *     in --FAILURES_IN_A_ROW, or refused--> out --back-off over, a request taken--> trial --first byte--> in
 *                                            ^------------------ failure, back-off doubled ------|
 */

/** As SGLang's and LiteLLM's routers have it between 3 and 5: at three a single bad request cannot eject. */
export const FAILURES_IN_A_ROW = 3;
/**
 * A request that began before the row's first failure does not end the row when it succeeds: a cluster that refuses all
 * that comes finishes its old streams for a long while. Yet a few failures among many answers are no row, so that at most
 * so many of them may come on each failure.
 */
export const OLDER_SUCCESSES_MAX = 2;
export const BACK_OFF_FIRST_MS = 1_000;
export const BACK_OFF_MAX_MS = 30_000;
/** A cluster that stayed in for this long begins with the first back-off again. */
export const BACK_OFF_FORGET_MS = 60_000;
/**
 * A request on trial waits no longer than this for its first byte: it is a caller's, and another cluster is well. The
 * service's own limit holds when it is shorter.
 */
export const TRIAL_FIRST_BYTE_MS = 5_000;

export class Ejection {
  #state: 'in' | 'out' | 'trial' = 'in';
  #failures = 0;
  /** Monotonic, ms: when the row of failures began. */
  #rowSinceMs = 0;
  /** Successes since then, of requests that began before. */
  #olderSuccesses = 0;
  #level = 0;
  #untilMs = 0;
  #outSinceMs = -Infinity;
  #returnedAtMs = -Infinity;

  /** Out or on trial: not among those that carry. */
  get out(): boolean {
    return this.#state !== 'in';
  }

  /** In, or out for so long that nothing is known against it any more, on trial or not. */
  unsuspected(nowMs: number): boolean {
    return this.#state === 'in' || nowMs >= this.#untilMs;
  }

  get untilMs(): number {
    return this.#untilMs;
  }

  /** Whether a request may be tried here now; at most one at a time is. */
  trialDue(nowMs: number): boolean {
    return this.#state === 'out' && nowMs >= this.#untilMs;
  }

  beginTrial(nowMs: number): void {
    this.#state = 'trial';
    this.#beginRow(nowMs);
  }

  /** The trial ended without a verdict (its caller left): the next request may try. */
  dropTrial(): void {
    if (this.#state === 'trial') this.#state = 'out';
  }

  /** The request on trial got its first byte. One more failure ejects again until a request succeeds. */
  passTrial(nowMs: number): void {
    if (this.#state !== 'trial') return;
    this.#state = 'in';
    this.#failures = FAILURES_IN_A_ROW - 1;
    this.#returnedAtMs = nowMs;
  }

  /**
   * A request that began at `beganAtMs` got its first byte. Was it sent here after the ejection, because nobody else was
   * left, it has shown what a trial would: nothing is held against the cluster any more, and a trial is due.
   */
  spoke(beganAtMs: number): void {
    if (this.#state === 'out' && beganAtMs > this.#outSinceMs) this.tryNow();
  }

  /** A request that began at `beganAtMs` was answered to its end. */
  succeeded(beganAtMs: number): void {
    if (this.#state !== 'in') return;
    if (beganAtMs >= this.#rowSinceMs) this.#failures = 0;
    else this.#olderSuccesses++;
  }

  /**
   * A failure that the cluster must answer for. Returns true when it is ejected by it, for the first time or again.
   * `mayEject` is false for the last cluster, which stays in whatever it does.
   */
  failed(order: {
    readonly atOnce: boolean;
    readonly onTrial: boolean;
    readonly mayEject: boolean;
    readonly nowMs: number;
  }): boolean {
    if (order.onTrial && this.#state === 'trial') return this.#eject(order.nowMs);
    if (this.#state !== 'in') return false;
    if (this.#failures === 0) this.#beginRow(order.nowMs);
    this.#failures++;
    return order.mayEject && (order.atOnce || this.#isRow()) && this.#eject(order.nowMs);
  }

  /** Ejected on the word of somebody else. Returns false when it is out already. */
  follow(nowMs: number): boolean {
    return this.#state === 'in' && this.#eject(nowMs);
  }

  /** A trial is due at once. */
  tryNow(): void {
    this.#untilMs = 0;
  }

  #isRow(): boolean {
    return this.#failures >= FAILURES_IN_A_ROW && this.#olderSuccesses <= this.#failures * OLDER_SUCCESSES_MAX;
  }

  #beginRow(nowMs: number): void {
    this.#rowSinceMs = nowMs;
    this.#olderSuccesses = 0;
  }

  #eject(nowMs: number): boolean {
    if (this.#state === 'in' && nowMs - this.#returnedAtMs > BACK_OFF_FORGET_MS) this.#level = 0;
    this.#state = 'out';
    this.#outSinceMs = nowMs;
    this.#failures = 0;
    this.#untilMs = nowMs + Math.min(BACK_OFF_MAX_MS, BACK_OFF_FIRST_MS * 2 ** this.#level);
    this.#level++;
    return true;
  }
}
