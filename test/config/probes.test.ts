/** What may stand under `probes`, besides the checks that load.test.ts covers. */
import { expect, test } from 'vitest';
import { parseFleet } from '../../src/config/load.js';
import { ENGINES, type ClusterSpec } from '../../src/domain/fleet.js';
import { probeDefaults } from '../../src/domain/health/probe-defaults.js';

function clusterWith(entry: string, vantages = '[local]'): ClusterSpec {
  const text = `version: 1
clusters:
  eu-a: { url: http://127.0.0.1:8001, region: eu, model: m, ${entry} }
  us-b: { url: http://127.0.0.1:8002, region: us, model: m }
services:
  chat: { clusters: [ { name: eu-a, role: primary }, { name: us-b, role: standby } ] }
vantages: ${vantages}
`;
  const spec = parseFleet(text, 'fleet.yaml').clusters['eu-a'];
  if (spec === undefined) throw new Error('the cluster is missing');
  return spec;
}

test.each(ENGINES)('engine %s is accepted and brings its own probes', (engine) => {
  expect(clusterWith(`engine: ${engine}`)).toMatchObject({ engine, probes: probeDefaults(engine) });
});

test('a toy model is excused from repeating words', () => {
  const { generation } = clusterWith('engine: vllm, probes: { generation: { golden: false } }').probes;
  expect(generation).toEqual({ timeoutMs: 5_000, everyMs: 5_000, maxTokens: 16, golden: false });
});

test('golden prompts, and `true` for those that are built in', () => {
  const list = '[ { prompt: "Capital of France?", expect: "paris" } ]';
  const { generation } = clusterWith(`engine: vllm, probes: { generation: { golden: ${list} } }`).probes;
  expect(generation?.golden).toEqual([{ prompt: 'Capital of France?', expect: 'paris' }]);
  const builtIn = clusterWith('engine: vllm, probes: { generation: { golden: true } }').probes;
  expect(builtIn.generation).not.toHaveProperty('golden');
});

test('a budget is shared out among the vantages', () => {
  const entry = 'engine: vllm, probes: { generation: { budget: { share: 0.03, perHour: 900, atOnce: 2 } } }';
  const budget = (vantages: string) => clusterWith(entry, vantages).probes.generation?.budget;
  expect(budget('[a]')).toEqual({ share: 0.03, perHour: 900, atOnce: 2 });
  expect(budget('[a, b, c]')).toEqual({ share: 0.01, perHour: 300, atOnce: 1 });
  expect(clusterWith(entry.replace('900', '60'), '[a, b, c]').probes.generation?.budget?.perHour).toBe(60);
});

test('a DCGM exporter by its page alone', () => {
  const { gpu } = clusterWith('engine: vllm, probes: { gpu: { dcgm: "http://10.0.0.1:9400/metrics" } }').probes;
  expect(gpu).toEqual({
    path: '/gpu-status',
    timeoutMs: 1_000,
    dcgm: { urls: ['http://10.0.0.1:9400/metrics'], labels: {} },
  });
});

test('several nodes, of which only some cards are the cluster’s, as source of the memory too', () => {
  const dcgm = '{ urls: [ "http://a:9400/metrics", "http://b:9400/metrics" ], labels: { pod: llm-0 } }';
  const { memory } = clusterWith(`engine: vllm, probes: { memory: { dcgm: ${dcgm}, max: 0.98, timeout: 2s } }`).probes;
  expect(memory).toMatchObject({
    timeoutMs: 2_000,
    usedMax: 0.98,
    dcgm: { urls: ['http://a:9400/metrics', 'http://b:9400/metrics'], labels: { pod: 'llm-0' } },
  });
});

test.each([
  'probes: { gpu: { dcgm: "ftp://10.0.0.1/metrics" } }',
  'probes: { gpu: { dcgm: { urls: [] } } }',
  'probes: { gpu: { dcgm: { urls: [ "http://a/metrics" ], labels: { "no label": x } } } }',
  'probes: { http: { dcgm: "http://10.0.0.1:9400/metrics" } }',
  'probes: { generation: { golden: maybe } }',
  'probes: { generation: { golden: [] } }',
  'probes: { generation: { golden: [ { prompt: p, expect: "(" } ] } }',
  'probes: { generation: { budget: { share: 0 } } }',
  'probes: { generation: { budget: { share: 1.1 } } }',
  'probes: { generation: { budget: { perHour: 59 } } }',
  'probes: { generation: { budget: { atOnce: 0 } } }',
  'engine: llama',
])('%s is refused', (entry) => expect(() => clusterWith(entry)).toThrow(/fleet\.yaml:3:/));
