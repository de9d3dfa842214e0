/** What each engine's pages mean. Pages that were not recorded from the real thing say so in their first line. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ENGINES, type EngineKind } from '../../src/domain/fleet.js';
import { probeDefaults } from '../../src/domain/health/probe-defaults.js';
import { dialectOf } from '../../src/engines/registry.js';
import type { Signals } from '../../src/engines/signals.js';

const page = (name: string): string => readFileSync(new URL(`../fixtures/engines/${name}`, import.meta.url), 'utf8');
const NOT_KNOWN: Signals = { running: null, waiting: null, steps: null, tokens: null, kv: null, preemptions: null };

describe('metrics', () => {
  test.each<[EngineKind, string, Signals]>([
    [
      'vllm',
      'vllm-0.32.0-metrics.txt',
      { running: 1, waiting: 0, steps: 102, tokens: 102, kv: 0.0001220852154804053, preemptions: 0 },
    ],
    ['llamacpp', 'llama-server-metrics.txt', { ...NOT_KNOWN, running: 1, waiting: 0, steps: 59, tokens: 0 }],
    [
      'sglang',
      'sglang-metrics.txt',
      { running: 5, waiting: 7, steps: 971400 + 3829888 + 156755, tokens: 147139, kv: 0.61, preemptions: 4 },
    ],
    ['tensorrt-llm', 'trtllm-serve-metrics.txt', { ...NOT_KNOWN, running: 5, waiting: 2, tokens: 8123, kv: 0.62 }],
    ['triton', 'triton-tensorrtllm-metrics.txt', { ...NOT_KNOWN, running: 4, waiting: 1, steps: 448, kv: 0.4875 }],
    ['tgi', 'tgi-metrics.txt', { ...NOT_KNOWN, running: 6, waiting: 3, steps: 5251, tokens: 5100 }],
  ])('%s: %s', (engine, file, expected) => expect(dialectOf(engine).readMetrics(page(file))).toEqual(expected));

  test('pages that were not recorded say so', () => {
    for (const file of [
      'sglang-metrics.txt',
      'trtllm-serve-metrics.txt',
      'triton-tensorrtllm-metrics.txt',
      'tgi-metrics.txt',
      'dcgm-exporter-metrics.txt',
    ])
      expect(page(file)).toMatch(/^# Written from .*not recorded/);
  });

  test("no engine takes another one's page for its own, or invents zeros", () => {
    const pages: [EngineKind, string][] = [
      ['vllm', 'vllm-0.32.0-metrics.txt'],
      ['llamacpp', 'llama-server-metrics.txt'],
      ['sglang', 'sglang-metrics.txt'],
      ['tensorrt-llm', 'trtllm-serve-metrics.txt'],
      ['tgi', 'tgi-metrics.txt'],
    ];
    for (const engine of ENGINES)
      for (const [owner, file] of pages) {
        // Triton passes the names of its vLLM backend through.
        const understood = engine === owner || (engine === 'triton' && owner === 'vllm');
        expect(dialectOf(engine).readMetrics(page(file)) !== null, `${engine} reads ${file}`).toBe(understood);
      }
  });

  test('the JSON that trtllm-serve answers under /metrics says nothing', () => {
    expect(dialectOf('tensorrt-llm').readMetrics(page('trtllm-serve-metrics.json'))).toBeNull();
  });

  test('vllm: older names are understood, the newer one wins', () => {
    const old = 'vllm:gpu_cache_usage_perc 0.4\nvllm:generation_tokens 7\n';
    const { readMetrics } = dialectOf('vllm');
    expect(readMetrics(old)).toEqual({ ...NOT_KNOWN, kv: 0.4, tokens: 7 });
    expect(readMetrics(`${old}vllm:kv_cache_usage_perc 0.9\n`)).toMatchObject({ kv: 0.9 });
  });

  test('vllm: several engines behind one page: counts add up, the fuller cache counts', () => {
    const two =
      'vllm:num_requests_running{engine="0"} 2\nvllm:num_requests_running{engine="1"} 3\nvllm:kv_cache_usage_perc{engine="0"} 0.2\nvllm:kv_cache_usage_perc{engine="1"} 0.8\n';
    expect(dialectOf('vllm').readMetrics(two)).toMatchObject({ running: 5, kv: 0.8 });
  });

  test('sglang without the live counter: progress is not known, and a gauge of retractions is no counter', () => {
    const old = 'sglang:num_running_reqs 2\nsglang:generation_tokens_total 7\nsglang:num_retracted_reqs 3\n';
    expect(dialectOf('sglang').readMetrics(old)).toEqual({ ...NOT_KNOWN, running: 2, tokens: 7 });
  });

  test('triton: requests that were executed are no steps, and another request type is no running one', () => {
    const { readMetrics } = dialectOf('triton');
    expect(readMetrics('nv_inference_exec_count{model="m"} 7\n')).toBeNull();
    expect(readMetrics('nv_trt_llm_request_metrics{request_type="max"} 512\n')).toBeNull();
  });

  test('whatever a page says, no dialect throws or invents', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ENGINES), fc.string(), fc.string(), (engine, text, model) => {
        const dialect = dialectOf(engine);
        expect(dialect.readMetrics(text)).toBeNull();
        expect(dialect.readModel(text, model)).toBeNull();
        expect(dialect.readMemory(text)).toBeNull();
        expect(dialect.readGpu(text)).toBeNull();
      }),
    );
  });
});

describe('identity', () => {
  test('the model list: the expected id where it is listed, else the first one', () => {
    const { readModel } = dialectOf('vllm');
    expect(readModel(page('vllm-0.32.0-models.json'), 'other')).toBe('tiny');
    expect(readModel('{"data":[{"id":"lora"},{"id":"m"}]}', 'm')).toBe('m');
    for (const nonsense of ['', 'null', '[]', '{"data":7}', '{"data":[]}', '{"data":[{"id":7},null]}'])
      expect(readModel(nonsense, 'm')).toBeNull();
  });

  test('tgi: the model card of /info, or a list where somebody chose /v1/models', () => {
    const { readModel } = dialectOf('tgi');
    expect(readModel('{"model_id":"org/model","version":"3.3.0"}', 'm')).toBe('org/model');
    expect(readModel('{"data":[{"id":"m"}]}', 'm')).toBe('m');
    expect(readModel('{"model_id":7}', 'm')).toBeNull();
  });

  test('an endless id is cut: it is evidence, not a payload', () => {
    const long = 'x'.repeat(100_000);
    expect(dialectOf('vllm').readModel(JSON.stringify({ data: [{ id: long }] }), 'm')).toHaveLength(256);
    expect(dialectOf('tgi').readModel(JSON.stringify({ model_id: long }), 'm')).toHaveLength(256);
  });
});

describe('continuation', () => {
  test('vllm and sglang need both flags, llama-server none; the others continue text only, or nothing', () => {
    const fields = (engine: EngineKind): unknown => dialectOf(engine).continuation.chat?.fields ?? null;
    const both = { add_generation_prompt: false, continue_final_message: true };
    expect(Object.fromEntries(ENGINES.map((engine) => [engine, fields(engine)]))).toEqual({
      generic: null,
      vllm: both,
      sglang: both,
      'tensorrt-llm': null,
      triton: null,
      llamacpp: both,
      tgi: null,
      ollama: null,
    });
    expect(dialectOf('llamacpp').continuation.unstreamed).toBe('said-and-rest');
  });
});

describe('probe defaults', () => {
  test('every engine has some, and a metrics page exactly where its dialect can read one', () => {
    for (const engine of ENGINES) {
      expect(dialectOf(engine).kind).toBe(engine);
      expect(probeDefaults(engine).http).not.toBeNull();
    }
    const without = ENGINES.filter((engine) => probeDefaults(engine).metrics === null);
    expect(without).toEqual(['generic', 'ollama']);
  });

  test("sglang's health check generates: it may take longer than a second, and slow is no latency failure", () => {
    const { http, latency } = probeDefaults('sglang');
    expect(http?.timeoutMs).toBeGreaterThanOrEqual(5_000);
    expect(latency?.maxMs).toBeGreaterThanOrEqual(http?.timeoutMs ?? Infinity);
  });

  test('where only completions tell a hang, they are asked for', () => {
    for (const engine of ENGINES.filter((e) => e !== 'generic'))
      expect(probeDefaults(engine).generation).not.toBeNull();
  });
});
