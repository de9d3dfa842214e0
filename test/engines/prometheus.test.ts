import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PAGE_MAX, readSamples } from '../../src/engines/prometheus.js';
import { generic } from '../../src/engines/generic.js';
import { dialectOf } from '../../src/engines/registry.js';
import { vllm } from '../../src/engines/vllm.js';

const page = (name: string): string => readFileSync(new URL(`../fixtures/engines/${name}`, import.meta.url), 'utf8');
const only = (text: string, name = 'm'): readonly number[] | undefined => readSamples(text, new Set([name])).get(name);

describe('the text format', () => {
  test.each<[string, string, readonly number[] | undefined]>([
    ['a plain sample', 'm 3', [3]],
    ['labels', 'm{a="1",b="x"} 3.5', [3.5]],
    ['a brace, a quote and a blank in a label', 'm{a="} \\" 7 "} 4', [4]],
    ['a timestamp after the value', 'm 1e3 1700000000', [1000]],
    ['several label sets in page order', 'm{e="0"} 1\nm{e="1"} 2', [1, 2]],
    ['a longer name is another metric', 'm_total 3', undefined],
    ['comments', '# HELP m 9\n# TYPE m gauge\nm 2', [2]],
    ['not a number is not known', 'm NaN', undefined],
    ['infinity is not known', 'm +Inf', undefined],
    ['a line without a value', 'm\nm 1', [1]],
    ['Windows line ends', 'm 1\r\nm 2\r\n', [1, 2]],
    ['nothing', '', undefined],
    ['an HTML error page', '<html><body>m 1</body></html>', undefined],
  ])('%s', (_name, text, expected) => expect(only(text)).toEqual(expected));

  test('whatever comes, it neither throws nor invents', () => {
    fc.assert(fc.property(fc.string(), (text) => void readSamples(text, new Set(['m']))));
  });

  test('a page that is too long is cut at a whole line', () => {
    const long = `m 1\n${'x 1\n'.repeat(PAGE_MAX / 4)}m 2\n`;
    expect(only(long)).toEqual([1]);
  });

  test('labels that never close cost no more than one look', () => {
    const started = performance.now();
    expect(only(`m{${'a="'.repeat(100_000)}`)).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

describe('vllm', () => {
  test('a page recorded from 0.32', () => {
    expect(vllm.readMetrics(page('vllm-0.32.0-metrics.txt'))).toEqual({
      running: 1,
      waiting: 0,
      steps: 102,
      tokens: 102,
      kv: 0.0001220852154804053,
      preemptions: 0,
    });
  });

  test('older names are understood, the newer one wins', () => {
    const old = 'vllm:gpu_cache_usage_perc 0.4\nvllm:generation_tokens 7\n';
    expect(vllm.readMetrics(old)).toMatchObject({ kv: 0.4, tokens: 7, running: null, steps: null });
    expect(vllm.readMetrics(`${old}vllm:kv_cache_usage_perc 0.9\n`)).toMatchObject({ kv: 0.9 });
  });

  test('several engines behind one page: counts add up, the fuller cache counts', () => {
    const two =
      'vllm:num_requests_running{engine="0"} 2\nvllm:num_requests_running{engine="1"} 3\nvllm:kv_cache_usage_perc{engine="0"} 0.2\nvllm:kv_cache_usage_perc{engine="1"} 0.8\n';
    expect(vllm.readMetrics(two)).toMatchObject({ running: 5, kv: 0.8 });
  });

  test("another engine's page says nothing, instead of zeros", () => {
    expect(vllm.readMetrics(page('llama-server-metrics.txt'))).toBeNull();
    expect(generic.readMetrics(page('vllm-0.32.0-metrics.txt'))).toBeNull();
  });

  test('the model list', () => {
    expect(vllm.readModel(page('vllm-0.32.0-models.json'), 'other')).toBe('tiny');
    expect(vllm.readModel('{"data":[{"id":"lora"},{"id":"m"}]}', 'm')).toBe('m');
    for (const nonsense of ['', 'null', '[]', '{"data":7}', '{"data":[]}', '{"data":[{"id":7},null]}'])
      expect(vllm.readModel(nonsense, 'm')).toBeNull();
  });
});

test.each<[string, unknown]>([
  ['{"status":"healthy"}', { healthy: true }],
  ['{"status":"unhealthy","xid":79}', { healthy: false, xid: 79 }],
  ['{"healthy":false}', { healthy: false }],
  ['{"status":7}', null],
  ['<html>', null],
])('gpu status %s', (body, expected) => expect(dialectOf('generic').readGpu(body)).toEqual(expected));

test.each<[string, unknown]>([
  ['{"used_ratio":0.95}', { used: 0.95 }],
  ['{"used_ratio":"0.95"}', null],
  ['{"used_ratio":-1}', null],
  ['', null],
])('memory use %s', (body, expected) => expect(dialectOf('generic').readMemory(body)).toEqual(expected));
