/**
 * Triton Inference Server behind its OpenAI front end (chat, `/health/ready` and `/metrics` on one port). Not ready is
 * 400, never 503: models are still loading, or one of them has failed.
 *
 * The names are those of the TensorRT-LLM backend; the vLLM backend passes vLLM's through. `nv_inference_count` and its
 * kin count requests, not steps: during a long answer they stand still, so they are no progress.
 */
import { TEXT_ONLY_CONTINUES } from './continuation.js';
import type { EngineDialect } from './engine.js';
import { signalsReader } from './signals.js';
import { readGpuStatus, readMemoryUse, readModelList } from './status-pages.js';

export const triton: EngineDialect = {
  kind: 'triton',
  statusMeans: { 400: 'loading' },
  continuation: TEXT_ONLY_CONTINUES,
  readMetrics: signalsReader({
    running: {
      names: ['nv_trt_llm_request_metrics{request_type="scheduled"}', 'vllm:num_requests_running'],
      over: 'sum',
    },
    waiting: {
      names: ['nv_trt_llm_request_metrics{request_type="waiting"}', 'vllm:num_requests_waiting'],
      over: 'sum',
    },
    steps: {
      names: ['nv_trt_llm_general_metrics{general_type="iteration_counter"}', 'vllm:iteration_tokens_total_count'],
      over: 'sum',
    },
    tokens: { names: ['vllm:generation_tokens_total'], over: 'sum' },
    kv: {
      names: [
        'nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="fraction"}',
        'vllm:kv_cache_usage_perc',
        'vllm:gpu_cache_usage_perc',
      ],
      over: 'max',
    },
    preemptions: { names: ['vllm:num_preemptions_total'], over: 'sum' },
  }),
  readModel: readModelList,
  readGpu: readGpuStatus,
  readMemory: readMemoryUse,
};
