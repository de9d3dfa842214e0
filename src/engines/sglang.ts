/**
 * SGLang. `/health` generates a token by default and waits a second at least for any output of the scheduler, so it is
 * slow when all is well, and may be late during a long prefill. Metrics exist with `--enable-metrics` only; each tensor
 * rank may report the same requests, the label `dp_rank` tells the engines apart.
 *
 * Steps: `generation_tokens_total` counts a request when it ends, which says nothing of now. `realtime_tokens_total`
 * moves with prefill and decode while they run (updated every few dozen steps); releases without it leave progress unknown.
 *
 * Priority: with `--enable-priority-scheduling` a request without the field comes last already, in either direction of the
 * scale; with the field it could come first, or be aborted where that is off. So nothing is sent.
 */
import { SGLANG_CONTINUES } from './continuation.js';
import type { EngineDialect } from './engine.js';
import { signalsReader } from './signals.js';
import { readGpuStatus, readMemoryUse, readModelList } from './status-pages.js';

const ranksOf = 'dp_rank';

export const sglang: EngineDialect = {
  kind: 'sglang',
  statusMeans: {},
  continuation: SGLANG_CONTINUES,
  readMetrics: signalsReader({
    running: { names: ['sglang:num_running_reqs'], over: 'sum', ranksOf },
    waiting: { names: ['sglang:num_queue_reqs'], over: 'sum', ranksOf },
    steps: { names: ['sglang:realtime_tokens_total'], over: 'sum' },
    tokens: { names: ['sglang:generation_tokens_total'], over: 'sum', ranksOf },
    kv: { names: ['sglang:token_usage'], over: 'max' },
    // The older name, `num_retracted_reqs`, was a gauge of the last step and counts nothing.
    preemptions: { names: ['sglang:num_retracted_requests_total'], over: 'sum', ranksOf },
  }),
  readModel: readModelList,
  readGpu: readGpuStatus,
  readMemory: readMemoryUse,
};
