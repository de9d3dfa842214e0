/** What callers ask again and again is known, bounded, and read beforehand by a cluster that is to take over. */
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { HotPrefixes } from '../../src/gateway/service/hot-prefixes.js';
import { createServingApp } from '../../src/simulator/serving-app.js';
import { SETTINGS_DEFAULT } from '../../src/simulator/settings.js';
import { gateway, service, stopAll, tempDir, upstream, type Lab } from './kit.js';
import { answerAs, hang, status } from './upstream.js';

import { retainedBytes } from '../kit/retained-bytes.js';

const stops: (() => void)[] = [];
afterEach(async () => {
  await stopAll();
  for (const stop of stops.splice(0)) stop();
});

const system = (name: string, chars = 100): string => `You are ${name}. `.padEnd(chars, `${name} `);
const chat = (content: string, question = 'Hello?'): object => ({
  messages: [
    { role: 'system', content },
    { role: 'user', content: question },
  ],
});

describe('the sketch', () => {
  test('counts beginnings, not questions; the hottest first; one that came once is not hot', () => {
    const hot = new HotPrefixes();
    for (let i = 0; i < 3; i += 1) hot.note('chat', chat(system('a'), `question ${i}`));
    for (let i = 0; i < 5; i += 1) hot.note('chat', chat(system('b', 200), `question ${i}`));
    hot.note('chat', chat(system('c')));
    expect(hot.list(10).map(({ count, chars }) => [count, chars])).toEqual([
      [5, 200],
      [3, 100],
    ]);
    expect(hot.list(1)).toHaveLength(1);
    expect(JSON.stringify(hot.list(10))).not.toContain('You are');
  });

  test('keeps what is hot through any row of strangers, and no more than it may', () => {
    const hot = new HotPrefixes();
    for (let i = 0; i < 5_000; i += 1) {
      hot.note('chat', chat(system(`stranger ${i}`)));
      if (i % 10 === 0) hot.note('chat', chat(system('regular', 300)));
    }
    expect(hot.list(1)[0]?.chars).toBe(300);
    expect(hot.list(10_000).length).toBeLessThanOrEqual(64);
  });

  test('two that become hot do not keep each other out of a full sketch; a stranger with an heir’s count is not hot', () => {
    const hot = new HotPrefixes();
    for (let i = 0; i < 64 * 3; i += 1) hot.note('chat', chat(system(`old ${i % 64}`)));
    for (let i = 0; i < 20; i += 1) hot.note('chat', chat(system(i % 2 === 0 ? 'x' : 'y', 300)));
    hot.note('chat', chat(system('stranger', 500)));
    const chars = hot.list(64).map((prefix) => prefix.chars);
    expect(chars.filter((length) => length === 300)).toHaveLength(2);
    expect(chars).not.toContain(500);
  });

  test.each<[string, (i: number) => object]>([
    ['prompts of which only the beginning is kept', (i) => ({ prompt: `${i} `.padEnd(500_000, 'p') })],
    ['tools', (i) => ({ ...chat(system(`a ${i}`)), tools: [{ x: `${i} `.padEnd(500_000, 't') }] })],
    ['many small tools', (i) => ({ ...chat(system(`a ${i}`)), tools: Array.from({ length: 50_000 }, () => [i]) })],
    [
      'what a message holds besides',
      (i) => ({ messages: [{ role: 'system', content: system(`a ${i}`), more: `${i}`.padEnd(500_000, 'm') }] }),
    ],
    [
      'names of fields',
      (i) => ({ messages: [{ role: 'system', content: system(`a ${i}`), [`${i}`.padEnd(500_000, 'k')]: 1 }] }),
    ],
  ])('keeps 4 MiB at most, whatever comes: %s', (_name, request) => {
    const hot = new HotPrefixes();
    const before = retainedBytes();
    for (let i = 0; i < 100; i += 1) {
      const body: unknown = JSON.parse(JSON.stringify(request(i)));
      for (const api of ['chat', 'completions'] as const) hot.note(api, body);
    }
    expect(retainedBytes() - before).toBeLessThan(6 * 1024 * 1024);
    expect(hot.list(100).length).toBeLessThanOrEqual(64);
  });

  test('forgets what nobody asks any more', () => {
    const hot = new HotPrefixes();
    for (let i = 0; i < 100; i += 1) hot.note('chat', chat(system('old', 300)));
    for (let i = 0; i < 70_000; i += 1) hot.note('chat', chat(system('new', 200)));
    expect(hot.list(10).map(({ chars }) => chars)).toEqual([200]);
  });

  test.each<[string, 'chat' | 'completions', unknown]>([
    ['nothing', 'chat', null],
    ['no list', 'chat', { messages: 'hello' }],
    ['a strange message', 'chat', { messages: [null] }],
    ['parts of another kind', 'chat', { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }],
    ['a short one', 'chat', chat('short')],
    ['a huge one', 'chat', chat('x'.repeat(70_000))],
    ['tokens', 'completions', { prompt: [1, 2, 3] }],
  ])('%s is no beginning', (_name, api, request) => {
    const hot = new HotPrefixes();
    for (let i = 0; i < 3; i += 1) hot.note(api, request);
    expect(hot.list(10)).toEqual([]);
  });

  test('what is replayed is one token long, and has the tools that stand before the first message', () => {
    const hot = new HotPrefixes();
    const tools = [{ type: 'function', function: { name: 'f' } }];
    for (let i = 0; i < 2; i += 1) {
      hot.note('chat', { ...chat(system('a'), 'a secret'), tools });
      hot.note('completions', { prompt: system('p', 3_000) });
    }
    const [first, second] = hot.replays(10);
    expect(first?.body).toMatchObject({ tools, max_tokens: 1, messages: [{ content: system('a') }, { role: 'user' }] });
    expect(JSON.stringify(first)).not.toContain('secret');
    expect(second?.body).toEqual({ prompt: system('p', 3_000).slice(0, 1_024), max_tokens: 1 });
  });
});

interface Cluster {
  readonly url: string;
  /** Prompt tokens that were found in its prefix cache. */
  hits(): Promise<number>;
}

/** Reads prompts slowly, so that a cold cache shows. */
async function simulated(name: string): Promise<Cluster> {
  const settings = { ...SETTINGS_DEFAULT, name, model: 'llama', tokensPerSecond: 500, prefillTokensPerSecond: 2_000 };
  const app = createServingApp(settings);
  await new Promise<void>((resolve) => app.server.listen(0, '127.0.0.1', resolve));
  stops.push(() => app.close());
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const hits = async (): Promise<number> => {
    const page = await (await fetch(`${url}/metrics`)).text();
    return Number(/^vllm:prefix_cache_hits_total(?:\{[^}]*\})? (\S+)/mu.exec(page)?.[1]);
  };
  return { url, hits };
}

const APPLICATIONS = 6;
/** 1,000 tokens, half a second to read. */
const long = (i: number): string => system(`application ${i}`, 4_000);

/** The slowest first token of one caller of each application, ms. */
async function slowest(lab: Lab): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < APPLICATIONS; i += 1) {
    const startedAtMs = performance.now();
    const answer = await lab.chat({ ...chat(long(i), 'And now?'), stream: true, max_tokens: 4 });
    await answer.body?.getReader().read();
    times.push(performance.now() - startedAtMs);
  }
  return Math.max(...times);
}

async function moved(warmed: boolean): Promise<{ hits: number; slowestMs: number; answer: unknown }> {
  const [a, b] = [await simulated('a'), await simulated('b')];
  const lab = await gateway([service({ a: a.url, b: b.url }, { a: 100, b: 0 })]);
  for (let round = 0; round < 2; round += 1)
    for (let i = 0; i < APPLICATIONS; i += 1)
      await (await lab.chat({ ...chat(long(i), `question ${round}`), max_tokens: 1 })).text();
  const order = { epoch: 1, cluster: 'b', max: 32, timeoutMs: 20_000 };
  const answer = warmed ? (await lab.admin('POST', '/warm/chat', order)).body : null;
  await lab.admin('PUT', '/routes/chat', { epoch: 1, weights: { a: 0, b: 100 } });
  const before = await b.hits();
  const slowestMs = await slowest(lab);
  return { hits: (await b.hits()) - before, slowestMs, answer };
}

test('after a move the first callers of a warmed cluster find their prompts in its cache and wait less', async () => {
  const cold = await moved(false);
  const warm = await moved(true);
  expect(warm.answer).toMatchObject({ prefixes: APPLICATIONS, failed: 0 });
  expect(cold.hits).toBe(0);
  expect(warm.hits).toBeGreaterThan(APPLICATIONS * 900);
  expect(cold.slowestMs).toBeGreaterThan(400);
  expect(warm.slowestMs).toBeLessThan(cold.slowestMs / 2);
}, 60_000);

describe('the admin API', () => {
  async function used(second = answerAs('b')): Promise<Lab> {
    const urls = { a: (await upstream(answerAs('a'))).url, b: (await upstream(second)).url };
    const lab = await gateway([service(urls, { a: 100, b: 0 })], { dataDir: tempDir() });
    for (let i = 0; i < 3; i += 1) await (await lab.chat(chat(system('secret agent')))).text();
    return lab;
  }

  test('lists counts and sizes; no text leaves by it, by the log or by the answer of warming', async () => {
    const lab = await used();
    const { body } = await lab.admin('GET', '/hot/chat');
    expect(body).toEqual({ prefixes: [{ hash: expect.stringMatching(/^[0-9a-f]{8}$/u), count: 3, chars: 100 }] });
    const warmed = await lab.admin('POST', '/warm/chat', { epoch: 1, cluster: 'b' });
    expect(warmed.body).toMatchObject({ prefixes: 1, failed: 0 });
    expect(JSON.stringify([body, warmed.body, lab.lines])).not.toContain('secret agent');
    expect((await lab.state()).clusters['b']?.counters).toMatchObject({ requests: 0 });
  });

  test.each([
    ['that fails', status(500), { prefixes: 0, failed: 1 }],
    ['that does not answer, within its time', hang, { prefixes: 0, failed: 1 }],
  ])('a cluster %s is an answer', async (_name, behaviour, counts) => {
    const lab = await used(behaviour);
    const { status: code, body } = await lab.admin('POST', '/warm/chat', { epoch: 1, cluster: 'b', timeoutMs: 300 });
    expect([code, body]).toEqual([200, { ...counts, tookMs: expect.any(Number) }]);
  });

  test('an old epoch, an unknown cluster and an unknown service are refused', async () => {
    const lab = await used();
    await lab.admin('PUT', '/fence/chat', { epoch: 2 });
    const warm = async (change: object, path = '/warm/chat') =>
      (await lab.admin('POST', path, { epoch: 2, cluster: 'b', ...change })).body;
    expect(await warm({ epoch: 1 })).toMatchObject({ code: 'stale-epoch' });
    expect(await warm({ cluster: 'zz' })).toMatchObject({ code: 'unknown-cluster' });
    expect(await warm({}, '/warm/nobody')).toMatchObject({ code: 'unknown-service' });
    expect((await lab.admin('GET', '/hot/nobody')).status).toBe(404);
  });
});
