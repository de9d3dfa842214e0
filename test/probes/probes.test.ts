/** Each probe against a real server that behaves and misbehaves. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ClusterSpec } from '../../src/domain/fleet.js';
import { probeDefaults } from '../../src/domain/health/probe-defaults.js';
import { isLoading, judgeHttp } from '../../src/domain/health/judge-tick.js';
import { FIRST_TOKEN_BUCKETS_MS, type ClusterCounters, type TrafficState } from '../../src/domain/traffic.js';
import { wordOf } from '../../src/probes/ask.js';
import { judgeByPattern } from '../../src/probes/golden-prompts.js';
import { goldenQuestion, judgeAnswer } from '../../src/probes/golden.js';
import { createGenerationRunner } from '../../src/probes/generation-runner.js';
import { ENGINES } from '../../src/domain/fleet.js';
import { dialectOf } from '../../src/engines/registry.js';
import { beginVantage } from '../../src/domain/health/vantage.js';
import { eventually } from '../kit/eventually.js';
import { probeGeneration } from '../../src/probes/generation.js';
import { probeGpu } from '../../src/probes/gpu.js';
import { probeHttp } from '../../src/probes/http.js';
import { probeIdentity } from '../../src/probes/identity.js';
import { probeMemory } from '../../src/probes/memory.js';
import { probeMetrics } from '../../src/probes/metrics.js';
import { createPassiveMeter } from '../../src/probes/passive.js';
import { ToyEngine, type Behaviour } from './toy-engine.js';

let engine: ToyEngine;
beforeEach(async () => {
  engine = await ToyEngine.start();
});
afterEach(async () => await engine.crash());

const generic = (): ClusterSpec => engine.cluster({ engine: 'generic', probes: probeDefaults('generic') });

test('a cluster with a key is asked with it, by every probe', async () => {
  process.env['TEST_EU_A_API_KEY'] = 'k';
  try {
    const probes = { ...probeDefaults('vllm'), gpu: { path: '/gpu-status', timeoutMs: 1_000 } };
    const cluster = engine.cluster({ probes, apiKeyEnv: 'TEST_EU_A_API_KEY' });
    const generation = { maxTokens: 16, timeoutMs: 5_000 };
    await Promise.all([
      probeHttp(cluster),
      probeGpu(cluster),
      probeMetrics(cluster),
      probeIdentity(cluster, { timeoutMs: 1_000 }),
    ]);
    expect(await probeGeneration(cluster, generation)).toMatchObject({ ok: true });
    expect(engine.authorized.size).toBe(5);
    expect(new Set(engine.authorized.values())).toEqual(new Set(['Bearer k']));
    await probeHttp(engine.cluster());
    expect(engine.authorized.get('/health')).toBeUndefined();
  } finally {
    Reflect.deleteProperty(process.env, 'TEST_EU_A_API_KEY');
  }
});

describe('http', () => {
  test('200 is an answer with its time', async () => {
    const seen = await probeHttp(engine.cluster());
    expect(seen).toMatchObject({ status: 200 });
    expect(seen?.ms).toBeGreaterThan(0);
  });

  test('503 keeps the beginning of its body', async () => {
    Object.assign(engine.behaviour, { health: 503, healthBody: `Loading model${'.'.repeat(5_000)}` });
    const seen = await probeHttp(engine.cluster());
    expect(seen).toMatchObject({ status: 503, body: expect.stringMatching(/^Loading model/) as string });
    expect(seen?.body?.length).toBeLessThanOrEqual(120);
  });

  test("Triton's 400 means not ready; anywhere else it is about the question", async () => {
    engine.behaviour.health = 400;
    const http = { path: '/health', timeoutMs: 1_000 };
    const triton = engine.cluster({ engine: 'triton', probes: { ...probeDefaults('triton'), http } });
    const seen = await probeHttp(triton);
    expect(seen).toMatchObject({ status: 400, says: 'loading' });
    expect([judgeHttp(seen).kind, isLoading(seen)]).toEqual(['failed', true]);
    const plain = await probeHttp(engine.cluster());
    expect([judgeHttp(plain).kind, isLoading(plain)]).toEqual(['unknown', false]);
  });

  test('a redirect is an answer and is not followed', async () => {
    engine.behaviour.health = 302;
    expect(await probeHttp(engine.cluster())).toMatchObject({ status: 302 });
    expect(engine.asked.get('/elsewhere')).toBeUndefined();
  });

  test('nobody listens: refused', async () => {
    await engine.crash();
    expect(await probeHttp(engine.cluster())).toMatchObject({ error: 'refused' });
  });

  test('a reset connection: reset', async () => {
    engine.behaviour.health = 'reset';
    expect(await probeHttp(engine.cluster())).toMatchObject({ error: 'reset' });
  });

  test('no answer: timeout, in time', async () => {
    engine.behaviour.health = 'hang';
    const started = Date.now();
    expect(await probeHttp(engine.cluster(), { timeoutMs: 200 })).toMatchObject({ error: 'timeout' });
    expect(Date.now() - started).toBeLessThan(1_500);
  });

  test('an endless body is read no further than its limit', async () => {
    engine.behaviour.health = 'endless';
    expect(await probeHttp(engine.cluster())).toMatchObject({ status: 200 });
  });

  test.each([
    ['ENOTFOUND', 'dns'],
    ['EAI_AGAIN', 'dns'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls'],
    ['HPE_INVALID_CONSTANT', 'protocol'],
    ['UND_ERR_HEADERS_TIMEOUT', 'timeout'],
    ['EHOSTUNREACH', 'unroutable'],
    ['SOMETHING_NEW', 'failed'],
    ['EMFILE', 'exhausted'],
    ['ENFILE', 'exhausted'],
    ['ENOBUFS', 'exhausted'],
    ['ENOMEM', 'exhausted'],
    ['EADDRNOTAVAIL', 'exhausted'],
    ['EAGAIN', 'exhausted'],
  ])('%s is called %s', (code, word) => expect(wordOf(Object.assign(new Error(), { code }))).toBe(word));

  test('a fresh try opens its own connection, regular ones share', async () => {
    const cluster = engine.cluster();
    for (let i = 0; i < 5; i++) await probeHttp(cluster);
    const shared = engine.connections;
    expect(shared).toBeLessThanOrEqual(2);
    expect(await probeHttp(cluster, { fresh: true })).toMatchObject({ status: 200, fresh: true });
    expect(engine.connections).toBe(shared + 1);
  });
});

describe('pages', () => {
  test('gpu and memory of the four simple endpoints', async () => {
    Object.assign(engine.behaviour, { gpu: '{"status":"healthy"}', memory: '{"used_ratio":0.5}' });
    expect(await probeGpu(generic())).toEqual({ healthy: true });
    expect(await probeMemory(generic())).toEqual({ used: 0.5 });
  });

  test('what does not exist is absent, what is nonsense is not known', async () => {
    expect(await probeGpu(generic())).toBe('absent');
    engine.behaviour.gpu = 'nonsense';
    expect(await probeGpu(generic())).toBeNull();
    await engine.crash();
    expect(await probeGpu(generic())).toBeNull();
  });

  test('metrics: a page, none, an endless one', async () => {
    expect(await probeMetrics(engine.cluster(), { timeoutMs: 1_000 })).toMatchObject({
      age: 0,
      running: 0,
      steps: 1,
      kv: null,
    });
    engine.behaviour.metrics = null;
    expect(await probeMetrics(engine.cluster(), { timeoutMs: 1_000 })).toBeNull();
    engine.behaviour.metrics = 'endless';
    expect(await probeMetrics(engine.cluster(), { timeoutMs: 1_000 })).toBeNull();
  });

  test('identity', async () => {
    expect(await probeIdentity(engine.cluster(), { timeoutMs: 1_000 })).toBe('m');
    expect(await probeIdentity(engine.cluster({ model: 'x' }), { timeoutMs: 1_000 })).toBe('m');
    await engine.crash();
    expect(await probeIdentity(engine.cluster(), { timeoutMs: 1_000 })).toBeNull();
  });
});

describe('generation', () => {
  test.each<[string, Behaviour['generation'], object]>([
    ['a right answer', 'right', { ok: true, content: true }],
    ['nonsense', 'garbage', { ok: true, content: false }],
    ['another answer, well written', 'other-words', { ok: true, content: false }],
    ['an error event before [DONE]', 'error-event', { ok: false, error: 'engine error' }],
    ['an end without a finish reason', 'cut', { ok: false, error: 'cut' }],
    ['an abort before [DONE]', 'abort', { ok: false, error: 'ended with abort' }],
    ['a second token that never comes', 'no-second-token', { ok: false, error: 'no second token' }],
    ['no token at all', 'hang', { ok: false, error: 'timeout' }],
    ['HTTP 500', 500, { ok: false, error: '500' }],
    ['HTTP 429', 429, { ok: false, error: '429' }],
  ])('%s', async (_name, generation, expected) => {
    engine.behaviour.generation = generation;
    expect(await probeGeneration(engine.cluster(), { maxTokens: 16, timeoutMs: 400 })).toMatchObject(expected);
  });

  test('times the first token and the gap to the second', async () => {
    const seen = await probeGeneration(engine.cluster(), { maxTokens: 16, timeoutMs: 2_000 });
    expect(seen.ttft).toBeGreaterThanOrEqual(0);
    expect(seen.gap).toBeGreaterThanOrEqual(0);
  });

  test('thoughts instead of an answer are tokens, and no wrong answer', async () => {
    engine.behaviour.generation = 'thinks';
    const seen = await probeGeneration(engine.cluster(), { maxTokens: 16, timeoutMs: 2_000 });
    expect(seen).toMatchObject({ ok: true });
    expect(seen.content).toBeUndefined();
  });

  test('a toy model need not know the golden answer where that is switched off', async () => {
    engine.behaviour.generation = 'other-words';
    const { probes } = engine.cluster();
    const cluster = engine.cluster({
      probes: { ...probes, generation: { timeoutMs: 1_000, everyMs: 1_000, maxTokens: 16, golden: false } },
    });
    const seen = await probeGeneration(cluster, { maxTokens: 16, timeoutMs: 2_000 });
    expect(seen).toMatchObject({ ok: true });
    expect(seen.content).toBeUndefined();
  });

  test('no prompt is asked twice', async () => {
    for (let i = 0; i < 10; i++) await probeGeneration(engine.cluster(), { maxTokens: 16, timeoutMs: 2_000 });
    expect(new Set(engine.prompts).size).toBe(10);
  });

  test('a caller who gives up ends it at once', async () => {
    engine.behaviour.generation = 'hang';
    const abort = new AbortController();
    const asked = probeGeneration(engine.cluster(), { maxTokens: 4, timeoutMs: 10_000, signal: abort.signal });
    abort.abort();
    expect(await asked).toMatchObject({ ok: false, error: 'cancelled' });
  });
});

describe('what a completion costs', () => {
  test('its time, the tokens that came, and an estimate of those that were sent', async () => {
    const { cost } = await probeGeneration(engine.cluster(), { maxTokens: 16, timeoutMs: 2_000 });
    expect(cost?.completionTokens).toBe(4);
    expect(cost?.promptTokens).toBeGreaterThanOrEqual(15);
    expect(cost?.ms).toBeGreaterThan(0);
  });

  test('a timeout costs all of its time; an engine that is not there costs nothing, nor does a status', async () => {
    engine.behaviour.generation = 'hang';
    const hung = await probeGeneration(engine.cluster(), { maxTokens: 16, timeoutMs: 300 });
    expect(hung.cost).toMatchObject({ completionTokens: 0 });
    expect(hung.cost?.ms).toBeGreaterThanOrEqual(290);
    engine.behaviour.generation = 503;
    expect(await probeGeneration(engine.cluster(), { maxTokens: 16, timeoutMs: 2_000 })).not.toHaveProperty('cost');
    const nobody = engine.cluster({ url: 'http://127.0.0.1:1' });
    expect(await probeGeneration(nobody, { maxTokens: 16, timeoutMs: 2_000 })).not.toHaveProperty('cost');
  });
});

describe('low priority', () => {
  const ask = async (onRefused: () => void) =>
    await probeGeneration(engine.cluster(), {
      maxTokens: 16,
      timeoutMs: 2_000,
      lowPriority: { fields: { priority: 100 }, onRefused },
    });

  test('is sent where the engine takes it', async () => {
    let refused = 0;
    expect(await ask(() => (refused += 1))).toMatchObject({ ok: true });
    expect(engine.priorities).toEqual([100]);
    expect(refused).toBe(0);
  });

  test.each(['status', 'event'] as const)('is left out when it is refused (%s), and that is told', async (how) => {
    engine.behaviour.refusesPriority = how;
    let refused = 0;
    expect(await ask(() => (refused += 1))).toMatchObject({ ok: true, content: true });
    expect(engine.priorities).toEqual([100, undefined]);
    expect(refused).toBe(1);
  });

  test.each([
    [400, '400'],
    ['error-event', 'engine error'],
  ] as const)('a failure that stays (%s) is not blamed on it', async (generation, error) => {
    Object.assign(engine.behaviour, { generation, says: generation === 400 ? null : '' });
    let refused = 0;
    expect(await ask(() => (refused += 1))).toMatchObject({ ok: false, error });
    expect(refused).toBe(0);
  });

  test('a watch sends it once to an engine that refuses it', async () => {
    engine.behaviour.refusesPriority = 'status';
    const abort = new AbortController();
    const runner = createGenerationRunner(engine.cluster(), abort.signal, () => undefined);
    const doubtful = beginVantage(0);
    for (const n of [1, 2, 3]) {
      runner.consider(doubtful, n * 1_000);
      await eventually(() => runner.hasFinished());
      expect(runner.take()).toMatchObject({ ok: true });
    }
    abort.abort();
    expect(engine.priorities).toEqual([100, undefined, undefined, undefined]);
  });

  test('only vLLM is sent one', () => {
    expect(ENGINES.filter((kind) => dialectOf(kind).lowPriority !== undefined)).toEqual(['vllm']);
  });
});

describe('golden prompts of the configuration', () => {
  const capital = { prompt: 'What is the capital of France?', expect: '\\bparis\\b' };
  const said = (text: string, thought = false) => ({ text, thought, finish: 'stop' });
  test.each<[string, typeof capital, ReturnType<typeof said>, boolean | null]>([
    ['found anywhere, in any case', capital, said('It is PARIS.'), true],
    ['not found', capital, said('It is Lyon.'), false],
    ['nothing said', capital, said(' '), false],
    ['thoughts only', capital, said('', true), null],
    ['thoughts before the answer was reached', capital, said('<think> the user asks'), null],
    ['found, between broken characters', capital, said('Paris \ufffd'), false],
    ['found, then a word in a loop', capital, said('Paris is is is is is'), false],
    ['found, then letters in a loop', capital, said('Paris ababababababababab'), false],
    ['the marks of numbers that ran over', { ...capital, expect: '.' }, said('!!!!!!!!!!!!'), false],
    ['another script than the question’s', { ...capital, expect: '.' }, said('\u5df4\u9ece\u5df4\u9ece'), false],
    ['the script of the question', { prompt: '\u6cd5\u56fd', expect: '\u5df4' }, said('\u5df4\u9ece'), true],
    ['a line of dashes is style', capital, said('---------- Paris'), true],
  ])('%s', (_name, golden, answer, right) => expect(judgeByPattern(golden, answer)).toBe(right));

  test('a pattern that would take years says nothing, soon', () => {
    const started = performance.now();
    const answer = said(`${'ab cd '.repeat(100)}!`);
    expect(judgeByPattern({ prompt: 'p', expect: '^(\\w+\\s?)+$' }, answer)).toBeNull();
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test('are asked under a number that is never the same, and judged', async () => {
    const { generation, ...probes } = engine.cluster().probes;
    if (generation === null) throw new Error('vllm has completions');
    const cluster = engine.cluster({ probes: { ...probes, generation: { ...generation, golden: [capital] } } });
    engine.behaviour.says = 'The capital is Paris.';
    const options = { maxTokens: 16, timeoutMs: 2_000 };
    expect(await probeGeneration(cluster, options)).toMatchObject({ ok: true, content: true });
    engine.behaviour.says = 'I would rather not.';
    expect(await probeGeneration(cluster, options)).toMatchObject({ ok: true, content: false });
    expect(engine.prompts[0]).toMatch(/^Request \d+\.\nWhat is the capital of France\?$/);
    expect(new Set(engine.prompts).size).toBe(2);
  });
});

describe('the golden answer', () => {
  const question = { prompt: '', words: ['amber', 'cedar', 'river', 'stone'] };
  const judge = (text: string, finish = 'stop'): boolean | null =>
    judgeAnswer(question, { text, thought: false, finish });
  test.each<[string, string, string, boolean | null]>([
    ['exact', 'amber cedar river stone', 'stop', true],
    ['with style', 'Sure! **Amber, Cedar, River, Stone.**', 'stop', true],
    ['two of four', 'amber cedar', 'stop', true],
    ['one of four', 'amber and nothing else', 'stop', false],
    ['cut off before it could say more', 'amb', 'length', null],
    ['cut off with room enough', 'something else of that length', 'length', false],
    ['empty', '', 'stop', false],
    ['another script', 'amber cedar \u5b57\u5b57\u5b57\u5b57\u5b57\u5b57\u5b57', 'stop', false],
    ['a word in a loop', 'amber cedar the the the the the', 'stop', false],
    ['a broken character', 'amber cedar river \ufffd', 'stop', false],
  ])('%s', (_name, text, finish, right) => expect(judge(text, finish)).toBe(right));

  test('asks for different words each time', () => {
    const { words, prompt } = goldenQuestion();
    expect(new Set(words).size).toBe(4);
    expect(prompt).toBe(`Repeat exactly: ${words.join(' ')}`);
  });
});

describe('passive', () => {
  const counters = (change: Partial<ClusterCounters>): ClusterCounters => ({
    process: 'p1',
    requests: 0,
    ok: 0,
    client: 0,
    quota: 0,
    cluster: 0,
    cut: 0,
    firstToken: FIRST_TOKEN_BUCKETS_MS.map(() => 0).concat(0),
    ...change,
  });
  const state = (c: ClusterCounters | 'unknown'): TrafficState => ({
    service: 'chat',
    epoch: 0,
    intended: {},
    effective: {},
    changedAtMs: 0,
    callers: 'unknown',
    clusters: { 'eu-a': { inFlight: 0, counters: c, drained: false, failingSinceMs: null, lastOkAtMs: null } },
  });
  const look = (meter: ReturnType<typeof createPassiveMeter>, c: ClusterCounters | 'unknown' | null) =>
    meter.difference(new Map([['chat', c === null ? null : state(c)]]));

  test('the first look knows nothing, the next the difference', () => {
    const meter = createPassiveMeter('eu-a');
    expect(look(meter, counters({ ok: 100 }))).toBeNull();
    expect(look(meter, counters({ ok: 107, quota: 1, cut: 2, cluster: 3, client: 4 }))).toEqual({
      requests: 17,
      client: 4,
      quota: 1,
      cluster: 3,
      cut: 2,
      ttft95: null,
    });
  });

  test('a new counting process begins at zero', () => {
    const meter = createPassiveMeter('eu-a');
    look(meter, counters({ ok: 100 }));
    expect(look(meter, counters({ process: 'p2', ok: 5 }))).toMatchObject({ requests: 5 });
  });

  test('no answer and unknown counters are null, and the next difference bridges them', () => {
    const meter = createPassiveMeter('eu-a');
    look(meter, counters({ ok: 1 }));
    expect(look(meter, null)).toBeNull();
    expect(look(meter, 'unknown')).toBeNull();
    expect(look(meter, counters({ ok: 4 }))).toMatchObject({ requests: 3 });
  });

  test('the 95th percentile is the bound of its bucket', () => {
    const meter = createPassiveMeter('eu-a');
    look(meter, counters({}));
    const firstToken = [0, 0, 0, 94, 0, 0, 6, 0, 0, 0];
    expect(look(meter, counters({ ok: 100, firstToken }))?.ttft95).toBe(5_000);
  });
});
