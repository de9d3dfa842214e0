/** What is asked of a cluster when its configuration says nothing else: one row of numbers an engine (docs/engines.md). */
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
  generation: { timeoutMs: 5_000, everyMs: 5_000, maxTokens: 16 },
  identity: { path: '/v1/models', timeoutMs: 1_000 },
};

/**
 * SGLang's `/health` generates a token and takes a second at least (it looks for output once a second), longer behind a
 * long prefill; so a check may be slow here without meaning anything, up to its own timeout.
 */
const SGLANG: ProbeSettings = {
  ...VLLM,
  http: { path: '/health', timeoutMs: 5_000 },
  latency: { maxMs: 5_000 },
};

/** `/metrics` is JSON there; the Prometheus page has a path of its own. */
const TENSORRT_LLM: ProbeSettings = { ...VLLM, metrics: { path: '/prometheus/metrics', timeoutMs: 1_000 } };

/** The paths of the OpenAI front end; those of the bare server (`/v2/health/ready`, metrics on port 8002) are overrides. */
const TRITON: ProbeSettings = { ...VLLM, http: { path: '/health/ready', timeoutMs: 1_000 } };

/** Metrics wait for the running decode: a long prefill delays them by seconds (1 of 70 polls took more than 2 s). */
const LLAMACPP: ProbeSettings = { ...VLLM, metrics: { path: '/metrics', timeoutMs: 5_000 } };

/** `/health` runs a forward pass after a failed inference; the identity is on `/info` in every release. */
const TGI: ProbeSettings = {
  ...VLLM,
  http: { path: '/health', timeoutMs: 5_000 },
  identity: { path: '/info', timeoutMs: 1_000 },
};

/** A model that was unloaded is loaded by the next request: completions may take that long, and are asked less often. */
const OLLAMA: ProbeSettings = {
  ...VLLM,
  http: { path: '/api/version', timeoutMs: 1_000 },
  metrics: null,
  generation: { timeoutMs: 30_000, everyMs: 15_000, maxTokens: 16 },
};

const DEFAULTS: Readonly<Record<EngineKind, ProbeSettings>> = {
  generic: GENERIC,
  vllm: VLLM,
  sglang: SGLANG,
  'tensorrt-llm': TENSORRT_LLM,
  triton: TRITON,
  llamacpp: LLAMACPP,
  tgi: TGI,
  ollama: OLLAMA,
};

/** The probe settings of an engine before any override; `null` for a dimension means that it is not asked. */
export function probeDefaults(engine: EngineKind): ProbeSettings {
  return DEFAULTS[engine];
}
