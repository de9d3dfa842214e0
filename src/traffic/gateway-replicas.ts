/**
 * Several gateways that serve side by side, as one traffic layer: every order goes to all of them at once, every answer is
 * one of all. A replica that is away is named in the state (domain/merge-replicas.ts says what counts) and holds nobody up:
 * once it was silent it gets little time, until it answers again.
 */
import type { ClientTls } from '../domain/admin-tls.js';
import { CodedError } from '../domain/errors.js';
import { mergeReplicas, type ReplicaAnswer } from '../domain/merge-replicas.js';
import type { TrafficState } from '../domain/traffic.js';
import { GATEWAY_CAPABILITIES, openGateway } from './gateway.js';
import type { TrafficLayer, Warmable } from './traffic-layer.js';

export interface ReplicasOptions {
  /** At least one. */
  readonly adminUrls: readonly string[];
  readonly token: string | null;
  /** As of one gateway. */
  readonly tls?: ClientTls | undefined;
  /** For one call, ms. */
  readonly timeoutMs: number;
}

/** For a replica that did not answer the last time, ms: moves must not wait for who is gone. */
const HASTY_MS = 300;

interface Replica {
  readonly name: string;
  readonly patient: TrafficLayer;
  readonly hasty: TrafficLayer;
  silent: boolean;
}

type Ask = (layer: TrafficLayer) => Promise<TrafficState>;

/** One gateway is asked directly. Opens no connection by itself. */
export function openGateways({ adminUrls, ...reach }: ReplicasOptions): TrafficLayer {
  const [only, ...others] = adminUrls;
  if (only === undefined) throw new CodedError('bad-config', 'no gateway is named');
  if (others.length === 0) return openGateway({ adminUrl: only, ...reach });
  const replicas = adminUrls.map((adminUrl): Replica => ({
    name: new URL(adminUrl).host,
    patient: openGateway({ adminUrl, ...reach }),
    hasty: openGateway({ adminUrl, ...reach, timeoutMs: Math.min(reach.timeoutMs, HASTY_MS) }),
    silent: false,
  }));
  const all = async (ask: Ask): Promise<TrafficState> => {
    const merged = mergeReplicas(await Promise.all(replicas.map(async (replica) => await answerOf(replica, ask))));
    if (merged.kind === 'state') return merged.state;
    throw new CodedError(merged.code, merged.why);
  };
  return {
    can: GATEWAY_CAPABILITIES,
    read: async (service) => await all(async (layer) => await layer.read(service)),
    define: async (definition) => await all(async (layer) => await layer.define(definition)),
    forget: async (service) => await forgetEverywhere(replicas, service),
    fence: async (service, fence) => await all(async (layer) => await layer.fence(service, fence)),
    write: async (service, weights, fence) => await all(async (layer) => await layer.write(service, weights, fence)),
    drain: async (service, cluster, options, fence) =>
      await all(async (layer) => await layer.drain(service, cluster, options, fence)),
    spill: async (service, wish, fence) =>
      await all(async (layer) => (await layer.spill?.(service, wish, fence)) ?? (await layer.read(service))),
    warm: async (service, order, fence) =>
      await warmFromAll(replicas, async (layer) => await layer.warm?.(service, order, fence)),
    undrain: async (service, cluster, fence) =>
      await all(async (layer) => await layer.undrain(service, cluster, fence)),
  };
}

async function answerOf(replica: Replica, ask: Ask): Promise<ReplicaAnswer> {
  const { name } = replica;
  try {
    const state = await ask(replica.silent ? replica.hasty : replica.patient);
    replica.silent = false;
    return { name, state };
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    replica.silent = error.code === 'layer-unreachable' || error.code === 'write-outcome-unknown';
    return { name, code: error.code, why: error.message };
  }
}

type Warmed = Awaited<ReturnType<Warmable['warm']>>;

/** Each gateway has the target read what its own callers ask most; those that are away have none to tell. */
async function warmFromAll(
  replicas: readonly Replica[],
  ask: (layer: TrafficLayer) => Promise<Warmed | undefined>,
): Promise<Warmed> {
  const asked = replicas.filter(({ silent }) => !silent);
  const done = await Promise.allSettled(asked.map(async ({ patient }) => await ask(patient)));
  const warmed = done.flatMap((one) => (one.status === 'fulfilled' && one.value !== undefined ? [one.value] : []));
  const most = (pick: (one: Warmed) => number): number => Math.max(0, ...warmed.map(pick));
  return { prefixes: most((one) => one.prefixes), tookMs: most((one) => one.tookMs) };
}

/** Who is away learns it from the others when it comes back. @throws when nobody could be told */
async function forgetEverywhere(replicas: readonly Replica[], service: string): Promise<void> {
  const told = await Promise.allSettled(
    replicas.map(async ({ silent, hasty, patient }) => await (silent ? hasty : patient).forget(service)),
  );
  if (told.some(({ status }) => status === 'fulfilled')) return;
  for (const outcome of told) if (outcome.status === 'rejected') throw outcome.reason as Error;
}
