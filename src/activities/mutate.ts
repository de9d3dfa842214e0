/** Everything that can hurt, one call a deed: take the fence, call the layer, answer with what it read back. */
import { cancellationSignal, heartbeat } from '@temporalio/activity';
import type { ClusterSpec } from '../domain/fleet.js';
import { serviceDefinition } from '../domain/traffic.js';
import type { TrafficLayer } from '../traffic/traffic-layer.js';
import type { GenerationSeen } from '../domain/health/types.js';
import type { Unknown } from '../domain/words.js';
import type { Mutate } from '../workflows/ports.js';
import { translated } from './failure.js';
import { pause } from './pause.js';

/** Completions that open a target's connections and wake its caches. */
const WARM_UP_COMPLETIONS = 4;
/** Beginnings of prompts that a target reads beforehand. */
const WARM_PREFIXES = 32;
const DRAIN_LOOK_MS = 200;
/** A queue that is empty once may fill again from a request that is just on its way. */
const EMPTY_LOOKS = 3;
/** How long the engine's own count is waited for once the layer's is zero: others may use the engine too. */
const ENGINE_WAIT_MS_MAX = 30_000;
/** How long what was handed over at the deadline may take to leave. */
const HAND_OVER_MS = 2_000;

export interface MutateDeps {
  readonly layer: TrafficLayer;
  readonly complete: (cluster: ClusterSpec) => Promise<GenerationSeen>;
  /** Requests that the engine itself says are running; `unknown` when it does not say. */
  readonly engineRunning: (cluster: ClusterSpec) => Promise<number | Unknown>;
}

export function createMutateActivities({ layer, complete, engineRunning }: MutateDeps): Mutate {
  return {
    define: async ({ spec, clusters }) =>
      await translated(async () => await layer.define(serviceDefinition(spec, clusters))),
    forget: async ({ service }) => await translated(async () => await layer.forget(service)),
    fence: async ({ service, epoch, step }) =>
      await translated(async () => await layer.fence(service, { epoch, step })),
    shift: async ({ service, weights, epoch, step }) =>
      await translated(async () => await layer.write(service, weights, { epoch, step })),
    spill: async ({ service, epoch, ...wish }) =>
      await translated(async () => {
        if (layer.spill === undefined) return { refused: 'this traffic layer cannot let a share spill over' };
        await layer.spill(service, wish, { epoch });
        return { refused: null };
      }),
    warmUp: async (order) => await warmUp(layer, complete, order),
    drain: async (order) => await translated(async () => await drainUntilEmpty(layer, engineRunning, order)),
    undrain: async ({ service, cluster, epoch, step }) => {
      await translated(async () => await layer.undrain(service, cluster, { epoch, step }));
    },
  };
}

async function warmUp(
  layer: TrafficLayer,
  complete: MutateDeps['complete'],
  { target, service, epoch, step, timeoutMs }: Parameters<Mutate['warmUp']>[0],
) {
  const startedAtMs = Date.now();
  const answers = await Promise.all(Array.from({ length: WARM_UP_COMPLETIONS }, async () => await complete(target)));
  const completions = answers.filter((a) => a.ok).length;
  const order = { cluster: target.name, max: WARM_PREFIXES, timeoutMs };
  // A cold cache is slow, no more: whatever goes wrong here is no reason to stop.
  const warmed = await layer.warm?.(service, order, { epoch, step }).catch(() => null);
  return { completions, prefixes: warmed?.prefixes ?? null, tookMs: Date.now() - startedAtMs };
}

type DrainOrder = Parameters<Mutate['drain']>[0];

/**
 * Looks until nothing runs there several times in a row. When the time is up, streams that can go on elsewhere are handed
 * over, and it says what is left then.
 */
async function drainUntilEmpty(layer: TrafficLayer, engineRunning: MutateDeps['engineRunning'], order: DrainOrder) {
  const startedAtMs = Date.now();
  const { service, cluster, epoch, step, rehome } = order;
  await layer.drain(service, cluster.name, { rehome }, { epoch, step });
  let left: number | Unknown = 'unknown';
  let deadlineMs = order.timeoutMs;
  for (let emptyLooks = 0; emptyLooks < EMPTY_LOOKS;) {
    const state = await layer.read(service);
    const tookMs = Date.now() - startedAtMs;
    left = state.clusters[cluster.name]?.inFlight ?? 'unknown';
    // A dead engine counts nothing.
    if (!rehome) left = await confirmed(left, tookMs, async () => await engineRunning(cluster));
    emptyLooks = left === 0 ? emptyLooks + 1 : 0;
    heartbeat({ left });
    if (cancellationSignal().aborted) break;
    if (tookMs >= deadlineMs) {
      if (left === 0 || deadlineMs > order.timeoutMs) break;
      deadlineMs = tookMs + HAND_OVER_MS;
      await layer.drain(service, cluster.name, { rehome, handOver: true }, { epoch, step });
    }
    await pause(DRAIN_LOOK_MS, cancellationSignal());
  }
  return { left, tookMs: Date.now() - startedAtMs };
}

/**
 * The layer's count, with the engine's own. An engine that does not say leaves the layer's zero standing; another service's
 * requests are not ours to wait for without end. What the layer does not know (a gateway is away) only the engine knows.
 */
async function confirmed(
  left: number | Unknown,
  tookMs: number,
  engineRunning: () => Promise<number | Unknown>,
): Promise<number | Unknown> {
  if (left === 'unknown') return await engineRunning();
  if (left > 0 || tookMs >= ENGINE_WAIT_MS_MAX) return left;
  const running = await engineRunning();
  return running === 'unknown' ? 0 : running;
}
