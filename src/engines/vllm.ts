/**
 * vLLM. Metric names have moved between releases (deprecated in one, gone two later), hence the aliases; counters carry
 * `_total` in the exposition, older releases did not all. `iteration_tokens_total` is a histogram: its count is the
 * number of engine steps. Measured on 0.32: after the engine process is frozen `/health` stays 200 and these stand still.
 */
import { pickSignal, type Alias, type EngineDialect } from './engine.js';
import { readSamples } from './prometheus.js';
import { readGpuStatus, readMemoryUse, readModelList } from './status-pages.js';

const ALIASES = {
  running: { names: ['vllm:num_requests_running'], over: 'sum' },
  waiting: { names: ['vllm:num_requests_waiting'], over: 'sum' },
  steps: { names: ['vllm:iteration_tokens_total_count'], over: 'sum' },
  tokens: { names: ['vllm:generation_tokens_total', 'vllm:generation_tokens'], over: 'sum' },
  kv: { names: ['vllm:kv_cache_usage_perc', 'vllm:gpu_cache_usage_perc'], over: 'max' },
  preemptions: { names: ['vllm:num_preemptions_total', 'vllm:num_preemptions'], over: 'sum' },
} as const satisfies Record<string, Alias>;

const NAMES: ReadonlySet<string> = new Set(Object.values(ALIASES).flatMap((alias: Alias) => alias.names));

export const vllm: EngineDialect = {
  kind: 'vllm',
  readMetrics(page) {
    const samples = readSamples(page, NAMES);
    if (samples.size === 0) return null;
    return {
      running: pickSignal(samples, ALIASES.running),
      waiting: pickSignal(samples, ALIASES.waiting),
      steps: pickSignal(samples, ALIASES.steps),
      tokens: pickSignal(samples, ALIASES.tokens),
      kv: pickSignal(samples, ALIASES.kv),
      preemptions: pickSignal(samples, ALIASES.preemptions),
    };
  },
  readModel: readModelList,
  readGpu: readGpuStatus,
  readMemory: readMemoryUse,
};
