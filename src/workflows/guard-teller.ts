/** Tells guards the present verdict: one round at a time, always with the newest state, so that none overtakes another. */
import { messageOf } from '../domain/describe-error.js';
import { CancellationScope, log, sleep } from '@temporalio/workflow';
import type { ServiceName } from '../domain/words.js';
import type { ClusterVerdictMessage } from './messages.js';
import { atOnce } from './proxies.js';

/** A verdict must arrive; signals may arrive twice without harm. */
const AGAIN_MS = 1_000;

export class GuardTeller {
  readonly #waiting = new Set<ServiceName>();
  #busy = false;

  constructor(private readonly message: () => ClusterVerdictMessage) {}

  tell(services: readonly ServiceName[]): void {
    for (const service of services) this.#waiting.add(service);
    if (this.#busy || this.#waiting.size === 0) return;
    // Whoever tells may be a watch that ends before the guards have heard; what it found is told all the same.
    void CancellationScope.nonCancellable(async () => await this.#round());
  }

  isQuiet(): boolean {
    return !this.#busy;
  }

  async #round(): Promise<void> {
    this.#busy = true;
    while (this.#waiting.size > 0) {
      const services = [...this.#waiting];
      this.#waiting.clear();
      try {
        const { absent } = await atOnce.tellGuards('verdict to guards', { services, message: this.message() });
        if (absent.length > 0) log.info('services without a guard ask when they begin', { absent });
      } catch (error) {
        log.warn('guards could not be told, trying again', { services, error: messageOf(error) });
        for (const service of services) this.#waiting.add(service);
        await sleep(AGAIN_MS);
      }
    }
    this.#busy = false;
  }
}
