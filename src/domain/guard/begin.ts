import { homeWeights, type ClusterSpec, type ServiceSpec } from '../fleet.js';
import { NO_PENALTY } from './damping.js';
import type { GuardState } from './state.js';

/** A guard that knows nothing yet but its configuration; the traffic is assumed at home until the layer tells. @replayed */
export function beginGuard(spec: ServiceSpec, clusters: readonly ClusterSpec[]): GuardState {
  return {
    spec,
    clusters: Object.fromEntries(clusters.map((cluster) => [cluster.name, cluster])),
    epoch: 0,
    intended: homeWeights(spec),
    known: {},
    freeze: null,
    maintenance: {},
    penalty: NO_PENALTY,
    fleet: null,
    automaticAtMs: [],
    cooldownUntilMs: 0,
    failbackNotBeforeMs: 0,
    move: null,
    failback: null,
    spill: null,
    spillRefused: {},
    history: [],
    whyNot: [],
    redirections: [],
  };
}
