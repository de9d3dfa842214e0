/**
 * vLLM. Metric names have moved between releases (deprecated in one, gone two later), hence the aliases; counters carry
 * `_total` in the exposition, older releases did not all. `iteration_tokens_total` is a histogram: its count is the
 * number of engine steps. Measured on 0.32: after the engine process is frozen `/health` stays 200 and these stand still;
 * one that drains also answers `/health` with 200, and new requests with 500. It listens only once its model is loaded.
 */
import { VLLM_CONTINUES } from './continuation.js';
import type { EngineDialect } from './engine.js';
import { signalsReader } from './signals.js';
import { readGpuStatus, readMemoryUse, readModelList } from './status-pages.js';

export const vllm: EngineDialect = {
  kind: 'vllm',
  statusMeans: {},
  continuation: VLLM_CONTINUES,
  // Callers have 0, and smaller goes first. Refused with 400 unless started with `--scheduling-policy priority`.
  lowPriority: { priority: 100 },
  readMetrics: signalsReader({
    running: { names: ['vllm:num_requests_running'], over: 'sum' },
    waiting: { names: ['vllm:num_requests_waiting'], over: 'sum' },
    steps: { names: ['vllm:iteration_tokens_total_count'], over: 'sum' },
    tokens: { names: ['vllm:generation_tokens_total', 'vllm:generation_tokens'], over: 'sum' },
    kv: { names: ['vllm:kv_cache_usage_perc', 'vllm:gpu_cache_usage_perc'], over: 'max' },
    preemptions: { names: ['vllm:num_preemptions_total', 'vllm:num_preemptions'], over: 'sum' },
  }),
  readModel: readModelList,
  readGpu: readGpuStatus,
  readMemory: readMemoryUse,
};
