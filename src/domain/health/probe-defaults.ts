/** What is asked of a cluster when its configuration says nothing else: one row of numbers an engine. */
import type { EngineKind, ProbeSettings } from '../fleet.js';

/** The four checks of the `generic` engine, all of which must hold; each may take 5 s, and slower than 2 s is a failure. */
const GENERIC: ProbeSettings = {
  http: { path: '/health', timeoutMs: 5_000 },
  gpu: { path: '/gpu-status', timeoutMs: 5_000 },
  memory: { path: '/gpu-memory', timeoutMs: 5_000, usedMax: 0.95 },
  latency: { maxMs: 2_000 },
  metrics: null,
  generation: null,
  identity: null,
};

/**
 * vLLM answers `/health` in a few ms, even while its engine hangs; so the limit is short, and the metrics, the model's
 * id and real completions count. It holds its memory at a fixed share: how full that is says nothing, so there is no limit.
 */
const VLLM: ProbeSettings = {
  http: { path: '/health', timeoutMs: 1_000 },
  // Answered by a sidecar where there is one; an engine that does not know the path (404) leaves the dimension unknown.
  gpu: { path: '/gpu-status', timeoutMs: 1_000 },
  memory: null,
  latency: { maxMs: 2_000 },
  metrics: { path: '/metrics', timeoutMs: 1_000 },
  // Several seconds: the first token of a busy engine waits for a place in the batch.
  generation: { timeoutMs: 5_000, everyMs: 4_000, maxTokens: 16 },
  identity: { path: '/v1/models', timeoutMs: 1_000 },
};

const DEFAULTS: Readonly<Record<EngineKind, ProbeSettings>> = { generic: GENERIC, vllm: VLLM };

/** The probe settings of an engine before any override; `null` for a dimension means that it is not asked. */
export function probeDefaults(engine: EngineKind): ProbeSettings {
  return DEFAULTS[engine];
}
