/**
 * llama.cpp's `llama-server`. While it loads, `/health` is 503 with `Loading model` in its body; after that it says
 * nothing of hangs. Metrics need `--metrics` (501 without) and wait for the running decode: seconds during a prefill.
 * `n_decode_total` moves with every step but those of speculative decoding; `tokens_predicted_total` when an answer ends.
 * The cache's usage was removed in 2025; older servers still tell it.
 */
import { LLAMACPP_CONTINUES } from './continuation.js';
import type { EngineDialect } from './engine.js';
import { signalsReader } from './signals.js';
import { readGpuStatus, readMemoryUse, readModelList } from './status-pages.js';

export const llamacpp: EngineDialect = {
  kind: 'llamacpp',
  statusMeans: {},
  continuation: LLAMACPP_CONTINUES,
  readMetrics: signalsReader({
    running: { names: ['llamacpp:requests_processing'], over: 'sum' },
    waiting: { names: ['llamacpp:requests_deferred'], over: 'sum' },
    steps: { names: ['llamacpp:n_decode_total'], over: 'sum' },
    tokens: { names: ['llamacpp:tokens_predicted_total'], over: 'sum' },
    kv: { names: ['llamacpp:kv_cache_usage_ratio'], over: 'max' },
  }),
  readModel: readModelList,
  readGpu: readGpuStatus,
  readMemory: readMemoryUse,
};
