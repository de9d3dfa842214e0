/**
 * A place of its own that watches: the same probes, the same loop and the same counts of traffic as a probe worker, and
 * every observation is handed on. It asks Temporal for nothing and decides nothing.
 */
import type { ClusterSpec } from '../domain/fleet.js';
import type { TickSeen } from '../domain/health/types.js';
import { beginVantage } from '../domain/health/vantage.js';
import type { ClusterName, ServiceName } from '../domain/words.js';
import type { LookSources } from '../probes/look.js';
import { shareTraffic } from '../probes/shared-traffic.js';
import { createWatcher } from '../probes/watcher.js';
import { openGateways, type ReplicasOptions } from '../traffic/gateway-replicas.js';
import { TRAFFIC_TIMEOUT_MS } from './probe.js';

export interface RecorderOptions {
  readonly clusters: readonly { readonly spec: ClusterSpec; readonly services: readonly ServiceName[] }[];
  /** Admin API of the gateways that real traffic passes; `null`: what callers meet is not known. */
  readonly gateway: (Omit<ReplicasOptions, 'adminUrls' | 'timeoutMs'> & { readonly urls: readonly string[] }) | null;
  readonly onSeen: (cluster: ClusterName, tick: TickSeen) => void;
  readonly signal: AbortSignal;
}

/** Watches until the signal. */
export async function watchAndTell({ clusters, gateway, onSeen, signal }: RecorderOptions): Promise<void> {
  const sources: LookSources = { trafficState: trafficOf(gateway) };
  await Promise.all(
    clusters.map(async ({ spec, services }) => {
      const watcher = createWatcher({
        cluster: spec,
        services,
        sources,
        signal,
        now: Date.now,
        onSeen: (tick) => onSeen(spec.name, tick),
      });
      try {
        for (let health = beginVantage(Date.now()); !signal.aborted;) health = await watcher.step(health);
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        watcher.close();
      }
    }),
  );
}

function trafficOf(gateway: RecorderOptions['gateway']): LookSources['trafficState'] {
  if (gateway === null) return async () => await Promise.resolve(null);
  const { urls: adminUrls, token, tls } = gateway;
  const layer = openGateways({ adminUrls, token, tls, timeoutMs: TRAFFIC_TIMEOUT_MS });
  return shareTraffic(async (service) => await layer.read(service));
}
