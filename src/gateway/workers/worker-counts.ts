/** States of services over all workers, those that have ended included: what these counted stays counted. */
import { withUnknownInFlight } from '../../domain/merge-replicas.js';
import { meanEffective, mergeTraffic, remainsOf } from '../../domain/merge-traffic.js';
import type { TrafficState } from '../../domain/traffic.js';
import type { ServiceName } from '../../domain/words.js';
import { callerTally, clusterTally } from '../service/counters.js';
import type { RouteTable, ServiceRoute } from '../routes/route-table.js';

export class WorkerCounts {
  /** Identity of the sums: it stays as long as the parent lives, and so the sums never go down. */
  readonly #process: string;
  readonly #ended = new Map<ServiceName, TrafficState>();

  constructor(process: string) {
    this.#process = process;
  }

  /** Keeps what a worker counted that has ended. Returns how many requests broke off with it, by its last report. */
  bury(states: ReadonlyMap<ServiceName, TrafficState>): number {
    let broken = 0;
    for (const [name, state] of states) {
      const before = this.#ended.get(name);
      const remains = remainsOf(state);
      this.#ended.set(name, before === undefined ? remains : mergeTraffic(before, remains));
      if (remains.callers !== 'unknown' && state.callers !== 'unknown') {
        broken += remains.callers.lost - state.callers.lost;
      }
    }
    return broken;
  }

  forgetAllBut(table: RouteTable): void {
    for (const name of [...this.#ended.keys()]) if (!Object.hasOwn(table, name)) this.#ended.delete(name);
  }

  /**
   * What the table says, with the counts of all. `told`: what each serving worker said last; where one of them did not
   * answer just now (`complete` is false), it may run anything.
   */
  stateOf(route: ServiceRoute, told: readonly TrafficState[], complete: boolean): TrafficState {
    const ended = this.#ended.get(route.definition.service);
    const merged = mergeTraffic(atRest(route, this.#process), ...(ended === undefined ? [] : [ended]), ...told);
    const { epoch, weights, changedAtMs } = route;
    const clusters = complete ? merged.clusters : withUnknownInFlight(merged.clusters);
    return { ...merged, epoch, intended: weights, changedAtMs, effective: effectiveOf(route, told), clusters };
  }
}

/** Nobody serves while no worker does. */
function effectiveOf(route: ServiceRoute, states: readonly TrafficState[]): TrafficState['effective'] {
  const none = Object.fromEntries(route.definition.members.map(({ cluster }) => [cluster, 0]));
  return states.length === 0 ? none : { ...none, ...meanEffective(states) };
}

function atRest({ definition, epoch, weights, drained, changedAtMs }: ServiceRoute, process: string): TrafficState {
  return {
    service: definition.service,
    epoch,
    intended: weights,
    effective: {},
    changedAtMs,
    waiting: 0,
    clusters: Object.fromEntries(
      definition.members.map(({ cluster }) => [
        cluster,
        {
          inFlight: 0,
          limit: 0,
          counters: clusterTally(process),
          drained: drained.includes(cluster),
          failingSinceMs: null,
          lastOkAtMs: null,
          lastFailedAtMs: null,
        },
      ]),
    ),
    callers: callerTally(process),
  };
}
