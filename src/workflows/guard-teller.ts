/** Tells guards the present verdict: one signal at a time and service, always with the newest state, so that none overtakes another. */
import { getExternalWorkflowHandle, log } from '@temporalio/workflow';
import type { ServiceName } from '../domain/words.js';
import { serviceGuardId } from './ids.js';
import { clusterVerdictSignal, type ClusterVerdictMessage } from './messages.js';

export class GuardTeller {
  readonly #busy = new Set<ServiceName>();
  readonly #again = new Set<ServiceName>();

  constructor(private readonly message: () => ClusterVerdictMessage) {}

  tell(services: readonly ServiceName[]): void {
    for (const service of services) {
      if (this.#busy.has(service)) this.#again.add(service);
      else void this.#signal(service);
    }
  }

  isQuiet(): boolean {
    return this.#busy.size === 0;
  }

  async #signal(service: ServiceName): Promise<void> {
    this.#busy.add(service);
    do {
      this.#again.delete(service);
      try {
        await getExternalWorkflowHandle(serviceGuardId(service)).signal(clusterVerdictSignal, this.message());
      } catch (error) {
        // No guard yet, or no more: one that begins asks for the verdict by itself.
        log.info('a guard could not be told', { service, error: String(error) });
      }
    } while (this.#again.has(service));
    this.#busy.delete(service);
  }
}
