/**
 * One tick's look at a cluster: the free signals at the same time, each bounded by its own timeout. Signals that change
 * rarely are asked rarely: the model's id every few ticks, an endpoint that does not exist once a minute.
 */
import type { ClusterSpec } from '../domain/fleet.js';
import type { SelfSeen, TickSeen } from '../domain/health/types.js';
import type { VantageHealth } from '../domain/health/vantage.js';
import type { TrafficState } from '../domain/traffic.js';
import type { ServiceName } from '../domain/words.js';
import { probeGpu } from './gpu.js';
import { probeHttp } from './http.js';
import { probeIdentity } from './identity.js';
import { probeMemory } from './memory.js';
import { probeMetrics } from './metrics.js';
import { createPassiveMeter, type PassiveMeter } from './passive.js';

const IDENTITY_EVERY_TICKS = 5;
const ABSENT_AGAIN_AFTER_MS = 60_000;

export interface LookSources {
  /** What the data plane says of a service; `null` when it does not answer. Bounded in time by whoever gives it. */
  readonly trafficState: (service: ServiceName) => Promise<TrafficState | null>;
  /** Whether something that is known to be well answers; without it `control` is `null`. */
  readonly controlTarget?: () => Promise<boolean>;
}

export interface Look {
  take(health: VantageHealth, self: Omit<SelfSeen, 'control'>): Promise<TickSeen>;
}

interface Moment {
  readonly cluster: ClusterSpec;
  readonly atMs: number;
  readonly signal: AbortSignal;
}

export function createLook(
  cluster: ClusterSpec,
  services: readonly ServiceName[],
  sources: LookSources,
  options: { readonly now: () => number; readonly signal: AbortSignal },
): Look {
  const meter = createPassiveMeter(cluster.name);
  const gpu = askRarelyWhenAbsent(probeGpu);
  const memory = askRarelyWhenAbsent(probeMemory);
  let ticks = 0;
  return {
    async take(health, self) {
      const moment: Moment = { cluster, atMs: options.now(), signal: options.signal };
      const identify = ticks % IDENTITY_EVERY_TICKS === 0 || isIdentityDoubted(health);
      ticks += 1;
      const [http, gpuSeen, memorySeen, metrics, identity, passive, control] = await Promise.all([
        probeHttp(cluster, { signal: options.signal }),
        gpu(moment),
        memory(moment),
        cluster.probes.metrics === null ? undefined : probeMetrics(cluster, { signal: options.signal }),
        identify ? identityOf(moment) : undefined,
        askTraffic(meter, services, sources),
        sources.controlTarget?.().catch(() => false) ?? null,
      ]);
      return {
        atMs: moment.atMs,
        http,
        gpu: gpuSeen,
        memory: memorySeen,
        passive,
        ...(metrics === undefined ? {} : { metrics }),
        ...(identity === undefined ? {} : { identity }),
        self: { ...self, control },
      };
    },
  };
}

function isIdentityDoubted(health: VantageHealth): boolean {
  return health.verdict !== 'healthy' || health.dimensions.identity.failures > 0;
}

async function identityOf({ cluster, signal }: Moment): Promise<string | null | undefined> {
  const { identity } = cluster.probes;
  return identity === null ? undefined : await probeIdentity(cluster, { timeoutMs: identity.timeoutMs, signal });
}

async function askTraffic(
  meter: PassiveMeter,
  services: readonly ServiceName[],
  sources: LookSources,
): Promise<TickSeen['passive'] & (object | null)> {
  const states = await Promise.all(
    services.map(async (service): Promise<[ServiceName, TrafficState | null]> => {
      return [service, await sources.trafficState(service).catch(() => null)];
    }),
  );
  return meter.difference(new Map(states));
}

type Probe<T> = (cluster: ClusterSpec, signal?: AbortSignal) => Promise<T | null | 'absent'>;

function askRarelyWhenAbsent<T>(probe: Probe<T>): (moment: Moment) => Promise<T | null> {
  let notBeforeMs = 0;
  return async ({ cluster, atMs, signal }) => {
    if (atMs < notBeforeMs) return null;
    const seen = await probe(cluster, signal);
    if (seen !== 'absent') return seen;
    notBeforeMs = atMs + ABSENT_AGAIN_AFTER_MS;
    return null;
  };
}
