/**
 * Text Generation Inference. `/health` touches the GPU, and runs a real forward pass after a failed inference; its 503
 * means unhealthy, never loading, for the router listens only once its shards are loaded. `tgi_batch_inference_count`
 * counts forward passes of both kinds, prefill and next token. A metric appears with its first use: until then it is
 * not known. There is no usage of the cache.
 */
import { TEXT_ONLY_CONTINUES } from './continuation.js';
import type { EngineDialect } from './engine.js';
import { signalsReader } from './signals.js';
import { readGpuStatus, readMemoryUse, readModelCard } from './status-pages.js';

export const tgi: EngineDialect = {
  kind: 'tgi',
  statusMeans: {},
  continuation: TEXT_ONLY_CONTINUES,
  readMetrics: signalsReader({
    running: { names: ['tgi_batch_current_size'], over: 'sum' },
    waiting: { names: ['tgi_queue_size'], over: 'sum' },
    steps: { names: ['tgi_batch_inference_count'], over: 'sum' },
    tokens: { names: ['tgi_request_generated_tokens_sum'], over: 'sum' },
  }),
  readModel: readModelCard,
  readGpu: readGpuStatus,
  readMemory: readMemoryUse,
};
