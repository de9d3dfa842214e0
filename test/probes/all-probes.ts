/** Every probe there is, against one target. */
import type { ClusterSpec } from '../../src/domain/fleet.js';
import { probeDefaults } from '../../src/domain/health/probe-defaults.js';
import { probeGeneration } from '../../src/probes/generation.js';
import { probeGpu } from '../../src/probes/gpu.js';
import { probeHttp } from '../../src/probes/http.js';
import { probeIdentity } from '../../src/probes/identity.js';
import { probeMemory } from '../../src/probes/memory.js';
import { probeMetrics } from '../../src/probes/metrics.js';
import { clusterSpec } from '../kit/fleet.js';

export interface Seen {
  readonly http: Awaited<ReturnType<typeof probeHttp>>;
  readonly fresh: Awaited<ReturnType<typeof probeHttp>>;
  readonly gpu: Awaited<ReturnType<typeof probeGpu>>;
  readonly memory: Awaited<ReturnType<typeof probeMemory>>;
  readonly dcgmGpu: Awaited<ReturnType<typeof probeGpu>>;
  readonly dcgmMemory: Awaited<ReturnType<typeof probeMemory>>;
  readonly metrics: Awaited<ReturnType<typeof probeMetrics>>;
  readonly identity: Awaited<ReturnType<typeof probeIdentity>>;
  readonly generation: Awaited<ReturnType<typeof probeGeneration>>;
}

/** All at once, as a tick asks them; each has `timeoutMs`. */
export async function probeEverything(url: string, timeoutMs: number, signal: AbortSignal): Promise<Seen> {
  const plain = clusterSpec('c', {
    url,
    probes: {
      ...probeDefaults('vllm'),
      http: { path: '/health', timeoutMs },
      gpu: { path: '/gpu-status', timeoutMs },
      memory: { path: '/gpu-memory', timeoutMs, usedMax: 0.95 },
      metrics: { path: '/metrics', timeoutMs },
    },
  });
  const dcgm = { urls: [`${url}/dcgm`], labels: {} };
  const withDcgm: ClusterSpec = {
    ...plain,
    probes: {
      ...plain.probes,
      gpu: { path: '', timeoutMs, dcgm },
      memory: { path: '', timeoutMs, usedMax: 0.95, dcgm },
    },
  };
  const [http, fresh, gpu, memory, dcgmGpu, dcgmMemory, metrics, identity, generation] = await Promise.all([
    probeHttp(plain, { signal }),
    probeHttp(plain, { fresh: true, signal }),
    probeGpu(plain, signal),
    probeMemory(plain, signal),
    probeGpu(withDcgm, signal),
    probeMemory(withDcgm, signal),
    probeMetrics(plain, { signal }),
    probeIdentity(plain, { timeoutMs, signal }),
    probeGeneration(plain, { maxTokens: 16, timeoutMs, signal }),
  ]);
  return { http, fresh, gpu, memory, dcgmGpu, dcgmMemory, metrics, identity, generation };
}
