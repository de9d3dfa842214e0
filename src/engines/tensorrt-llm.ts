/**
 * TensorRT-LLM, as `trtllm-serve` runs it. Its `/metrics` is JSON (statistics of single iterations); the Prometheus page
 * is `/prometheus/metrics` and exists with `return_perf_metrics` only. It has no counter of engine steps: tokens are
 * counted, but a long prefill makes none, so progress is left to completions. `/health` asks a flag, not the GPU.
 */
import { TEXT_ONLY_CONTINUES } from './continuation.js';
import type { EngineDialect } from './engine.js';
import { signalsReader } from './signals.js';
import { readGpuStatus, readMemoryUse, readModelList } from './status-pages.js';

export const tensorrtLlm: EngineDialect = {
  kind: 'tensorrt-llm',
  statusMeans: {},
  continuation: TEXT_ONLY_CONTINUES,
  readMetrics: signalsReader({
    running: { names: ['trtllm_num_requests_running'], over: 'sum' },
    waiting: { names: ['trtllm_num_requests_waiting'], over: 'sum' },
    tokens: { names: ['trtllm_generation_tokens_total'], over: 'sum' },
    kv: { names: ['trtllm_kv_cache_utilization'], over: 'max' },
  }),
  readModel: readModelList,
  readGpu: readGpuStatus,
  readMemory: readMemoryUse,
};
