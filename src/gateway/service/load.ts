/** What runs on one cluster, for whatever services: a limit is the cluster's, not a service's. */
import { LimitLearner } from './limit-learner.js';

/** Whoever has requests that wait for room. */
export interface Waiter {
  serve(): void;
}

export class Load {
  /** Requests that run here, and places that are kept for those that are about to. */
  running = 0;
  readonly learner = new LimitLearner();
  readonly waiters = new Set<Waiter>();

  /** A place is free again. */
  freed(): void {
    for (const waiter of this.waiters) waiter.serve();
  }
}
