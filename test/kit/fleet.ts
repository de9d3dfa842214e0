/** A small fleet for tests of decisions: three clusters of one model, one service. */
import type { ClusterSpec, ServiceSpec } from '../../src/domain/fleet.js';

export function clusterSpec(name: string, change: Partial<ClusterSpec> = {}): ClusterSpec {
  return {
    name,
    url: 'http://127.0.0.1:1',
    region: name.slice(0, 2),
    engine: 'vllm',
    model: 'm',
    capacity: { concurrency: 64 },
    probes: {
      http: { path: '/health', timeoutMs: 1_000 },
      gpu: null,
      memory: null,
      latency: { maxMs: 2_000 },
      metrics: { path: '/metrics', timeoutMs: 1_000 },
      generation: { timeoutMs: 5_000, everyMs: 5_000, maxTokens: 4 },
      identity: { path: '/v1/models', timeoutMs: 1_000 },
    },
    health: { intervalMs: 2_000, fall: 3, rise: 5, gray: { failures: 5, of: 10 } },
    ...change,
  };
}

export function serviceSpec(change: Partial<ServiceSpec> = {}): ServiceSpec {
  return {
    name: 'chat',
    strategy: 'primary-standby',
    members: [
      { cluster: 'eu-a', role: 'primary' },
      { cluster: 'us-b', role: 'standby' },
      { cluster: 'ap-c', role: 'standby' },
    ],
    traffic: { layer: 'gateway' },
    mode: 'auto',
    move: {
      emergency: [25, 100],
      degraded: [5, 25, 50, 100],
      planned: [1, 5, 25, 50, 100],
      drainTimeoutMs: 300_000,
      stepDeadlineMs: 60_000,
      bakeMs: 2_000,
      slowFirstTokenMs: 5_000,
      cooldownMs: 60_000,
      approvalTimeoutMs: 1_800_000,
    },
    failback: { policy: 'approve', soakMs: 600_000 },
    ...change,
  };
}

export const CLUSTERS = { 'eu-a': clusterSpec('eu-a'), 'us-b': clusterSpec('us-b'), 'ap-c': clusterSpec('ap-c') };
