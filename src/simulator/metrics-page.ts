/** The metrics page in the names, labels and types of vLLM 0.32. */
import { END_REASONS, type EngineCounters, type EngineGauges, type Histogram } from './engine-counters.js';

/** Prometheus text format. */
export function metricsPage(model: string, counters: EngineCounters, gauges: EngineGauges): string {
  const labels = `engine="0",model_name="${model.replaceAll(/["\\\n]/gu, '_')}"`;
  const gauge = (name: string, about: string, value: number): string[] =>
    single('gauge', name, about, `${name}{${labels}} ${float(value)}`);
  const counter = (name: string, about: string, value: number): string[] =>
    single('counter', `${name}_total`, about, `${name}_total{${labels}} ${float(value)}`);
  const lines = [
    ...gauge('vllm:num_requests_running', 'Number of requests in model execution batches.', gauges.running),
    ...gauge('vllm:num_requests_waiting', 'Number of requests waiting to be processed.', gauges.waiting),
    ...gauge('vllm:kv_cache_usage_perc', 'KV-cache usage. 1 means 100 percent usage.', gauges.cacheUsage),
    ...counter(
      'vllm:prefix_cache_queries',
      'Prefix cache queries, in terms of number of queried tokens.',
      counters.cacheQueries,
    ),
    ...counter('vllm:prefix_cache_hits', 'Prefix cache hits, in terms of number of cached tokens.', counters.cacheHits),
    ...counter('vllm:num_preemptions', 'Cumulative number of preemption from the engine.', counters.preemptions),
    ...counter('vllm:prompt_tokens', 'Number of prefill tokens processed.', counters.promptTokens),
    ...counter('vllm:generation_tokens', 'Number of generation tokens processed.', counters.generationTokens),
    '# HELP vllm:request_success_total Count of successfully processed requests.',
    '# TYPE vllm:request_success_total counter',
    ...END_REASONS.map(
      (reason) =>
        `vllm:request_success_total{engine="0",finished_reason="${reason}",${labels.slice(11)}} ${float(counters.ended[reason])}`,
    ),
    ...histogram(
      'vllm:iteration_tokens_total',
      'Histogram of number of tokens per engine_step.',
      labels,
      counters.stepTokens,
    ),
    ...histogram(
      'vllm:time_to_first_token_seconds',
      'Histogram of time to first token in seconds.',
      labels,
      counters.firstTokenSeconds,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function single(type: 'gauge' | 'counter', name: string, about: string, line: string): string[] {
  return [`# HELP ${name} ${about}`, `# TYPE ${name} ${type}`, line];
}

function histogram(name: string, about: string, labels: string, values: Histogram): string[] {
  const [engine, model] = labels.split(',');
  const cumulative = values.cumulative();
  const bucket = (le: string, count: number): string =>
    `${name}_bucket{${engine ?? ''},le="${le}",${model ?? ''}} ${float(count)}`;
  return [
    `# HELP ${name} ${about}`,
    `# TYPE ${name} histogram`,
    ...values.bounds.map((bound, index) => bucket(float(bound), cumulative[index] ?? 0)),
    bucket('+Inf', values.count),
    `${name}_count{${labels}} ${float(values.count)}`,
    `${name}_sum{${labels}} ${float(values.sum)}`,
  ];
}

/** Python's way to write a float: `1.0`, not `1`. */
function float(value: number): string {
  return Number.isInteger(value) ? `${String(value)}.0` : String(value);
}
