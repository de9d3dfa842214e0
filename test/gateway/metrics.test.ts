/** Prometheus' page: well-formed, and in agreement with what callers saw. */
import { createHash } from 'node:crypto';
import { Agent, fetch as agentFetch } from 'undici';
import { afterEach, expect, test } from 'vitest';
import { labelOf, readSamples, type Sample } from '../../src/engines/prometheus.js';
import { eventually } from '../kit/eventually.js';
import { gatewayProcess } from './gateway-process.js';
import { gateway, service, stopAll, upstream, type Lab } from './kit.js';
import { answerAs, hang, status } from './upstream.js';

afterEach(stopAll);

async function pageOf(lab: Lab, headers: Record<string, string> = {}): Promise<string> {
  const answer = await fetch(`${lab.adminUrl}/metrics`, { headers });
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  return await answer.text();
}

/** The value of the sample with these labels. */
function valueOf(page: string, name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
  const samples = readSamples(page, new Set([name])).get(name) ?? [];
  const fits = (sample: Sample): boolean =>
    Object.entries(labels).every(([label, text]) => labelOf(sample, label) === text);
  return samples.find(fits)?.value;
}

test('counts are what callers saw', async () => {
  const a = await upstream(answerAs('a'));
  const b = await upstream(answerAs('b'));
  const lab = await gateway([service({ a: a.url, b: b.url }, { a: 100, b: 0 })]);
  for (let i = 0; i < 3; i++) await (await lab.chat()).text();
  for (let i = 0; i < 2; i++) await (await lab.chat({ stream: true })).text();
  a.behave(status(400));
  await lab.chat();
  a.behave(status(500)); // three in a row eject it
  for (let i = 0; i < 3; i++) expect((await lab.chat()).status).toBe(200);
  const page = await pageOf(lab);
  const counted = (name: string, labels: Record<string, string> = {}): number | undefined =>
    valueOf(page, `understudy_${name}`, { service: 'chat', ...labels });
  expect({
    started: counted('requests_started_total'),
    ok: counted('requests_total', { outcome: 'ok' }),
    client: counted('requests_total', { outcome: 'client' }),
    lost: counted('requests_total', { outcome: 'lost' }),
    retried: counted('requests_retried_total'),
    fromA: counted('attempts_total', { cluster: 'a', outcome: 'ok' }),
    byA: counted('attempts_total', { cluster: 'a', outcome: 'cluster' }),
    fromB: counted('attempts_total', { cluster: 'b', outcome: 'ok' }),
    ejections: counted('ejections_total', { cluster: 'a' }),
    firstTokens: counted('first_token_seconds_count', { cluster: 'a' }),
    within30s: counted('first_token_seconds_bucket', { cluster: 'a', le: '30' }),
    all: counted('first_token_seconds_bucket', { cluster: 'a', le: '+Inf' }),
  }).toEqual({
    started: 9,
    ok: 8,
    client: 1,
    lost: 0,
    retried: 3,
    fromA: 5,
    byA: 3,
    fromB: 3,
    ejections: 1,
    firstTokens: 2,
    within30s: 2,
    all: 2,
  });
  expect(counted('weight_percent', { cluster: 'a', kind: 'intended' })).toBe(100);
  expect(counted('weight_percent', { cluster: 'a', kind: 'effective' })).toBe(0);
  expect(counted('first_token_seconds_sum', { cluster: 'a' })).toBeGreaterThan(0);
});

test('what runs, the epoch and a drain are told as they are now', async () => {
  const a = await upstream(hang);
  const lab = await gateway([service({ a: a.url, b: a.url }, { a: 100, b: 0 })]);
  const leaving = new AbortController();
  const asked = lab.chat({}, { signal: leaving.signal }).catch(() => null);
  await eventually(() => a.requests.length === 1, 5_000);
  await lab.admin('POST', '/drain/chat', { epoch: 7, cluster: 'b' });
  const page = await pageOf(lab);
  expect(valueOf(page, 'understudy_in_flight', { cluster: 'a' })).toBe(1);
  expect(valueOf(page, 'understudy_epoch', { service: 'chat' })).toBe(7);
  expect([
    valueOf(page, 'understudy_drained', { cluster: 'a' }),
    valueOf(page, 'understudy_drained', { cluster: 'b' }),
  ]).toEqual([0, 1]);
  leaving.abort();
  await asked;
});

/** The rules of `promtool check metrics` and of the text format. */
test('the page keeps the rules of its format', async () => {
  const a = await upstream(answerAs('a'));
  const lab = await gateway([service({ a: a.url }, { a: 100 })], { version: '1.2"3\\' });
  await (await lab.chat({ stream: true })).text();
  await pageOf(lab);
  await eventually(async () => (await pageOf(lab)).includes('nodejs_eventloop_lag_p99_seconds'), 10_000);
  const page = await pageOf(lab);
  const types = new Map<string, string>();
  const seen = new Set<string>();
  for (const line of page.trimEnd().split('\n')) {
    const [, word, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (word === 'HELP') expect(types.has(name)).toBe(false);
    else if (word === 'TYPE') types.set(name, rest);
    else {
      expect(line).toMatch(
        /^[a-z_][a-z0-9_]*(\{[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*\})? -?[\d.]+(?:e[+-]?\d+)?$/,
      );
      const labelled = line.slice(0, line.lastIndexOf(' '));
      expect(seen).not.toContain(labelled);
      seen.add(labelled);
      const family = /^[a-z0-9_]+/.exec(line)?.[0] ?? '';
      const type = types.get(family) ?? types.get(family.replace(/_(?:bucket|sum|count)$/, ''));
      expect(type).toMatch(/^(?:counter|gauge|histogram)$/);
      expect(family.endsWith('_total')).toBe(type === 'counter');
    }
  }
  expect(page.endsWith('\n')).toBe(true);
  expect(valueOf(page, 'understudy_build_info')).toBe(1);
  expect(valueOf(page, 'process_resident_memory_bytes')).toBeGreaterThan(1e6);
});

test('requests that are refused at the door are counted by reason', async () => {
  const a = await upstream(answerAs('a'));
  const sha256 = createHash('sha256').update('sk-ada').digest('hex');
  const limits = { requestsPerMinute: 8, tokensPerMinute: null, concurrent: null };
  const settings = {
    keys: [{ name: 'ada', sha256, services: null, limits, priorityMax: 'high' as const }],
    bodyBytesMax: 1_000,
  };
  const lab = await gateway([service({ a: a.url }, { a: 100 })], { settings });
  const headers = { authorization: 'Bearer sk-ada' };
  const post = async (body: string, more: Record<string, string> = {}): Promise<number> => {
    const init = { method: 'POST', headers: { ...headers, ...more }, body };
    return (await fetch(`${lab.url}/v1/chat/completions`, init)).status;
  };
  const refused = (page: string): Record<string, number | undefined> =>
    Object.fromEntries(
      [...page.matchAll(/^understudy_refused_total\{reason="([^"]+)"\} (\d+)$/gm)].map(([, why = '', n]) => [
        why,
        Number(n),
      ]),
    );
  expect(new Set(Object.values(refused(await pageOf(lab))))).toEqual(new Set([0]));
  expect((await lab.chat()).status).toBe(401);
  expect((await fetch(`${lab.url}/elsewhere`)).status).toBe(404);
  expect(await post('x'.repeat(2_000))).toBe(413);
  expect(await post('{')).toBe(400);
  expect(await post('{}', { 'x-understudy-priority': 'urgent' })).toBe(400);
  expect((await lab.chat({ model: 'none' }, { headers })).status).toBe(404);
  expect((await fetch(`${lab.url}/v1/models/none`, { headers })).status).toBe(404);
  for (const status of [200, 200, 200, 429, 429]) expect((await lab.chat({}, { headers })).status).toBe(status);
  expect(refused(await pageOf(lab))).toEqual({
    'bad-input': 2,
    'bad-method': 0,
    'body-too-large': 1,
    'body-too-slow': 0,
    'catching-up': 0,
    'foreign-host': 0,
    'foreign-origin': 0,
    'gateway-full': 0,
    'memory-full': 0,
    invalid_api_key: 1,
    'not-found': 1,
    'of-operators': 0,
    rate_limit_exceeded: 2,
    'unknown-model': 1,
    'unknown-service': 1,
  });
});

test('refusals of the Responses API are among them', async () => {
  const lab = await gateway([service({ a: 'http://127.0.0.1:1' }, { a: 100 })], {
    settings: { conversations: { store: 'disk', ttlMs: 60_000, bytesMax: 16 << 20, redisUrlEnv: '' } },
  });
  await lab.chat({ previous_response_id: 'resp_none', input: 'x' }, { path: '/v1/responses' });
  expect(valueOf(await pageOf(lab), 'understudy_refused_total', { reason: 'previous_response_not_found' })).toBe(1);
});

test('with workers, each process has its own rows', async () => {
  const a = await upstream(answerAs('a'));
  const running = await gatewayProcess({ members: { a: a.url }, args: ['--workers', '2'] });
  for (let i = 0; i < 10; i++) {
    const agent = new Agent(); // a connection each, so that both may get some
    await agentFetch(`${running.url}/elsewhere`, { dispatcher: agent });
    await agent.close();
  }
  const page = await (await fetch(`${running.adminUrl}/metrics`)).text();
  const names = ['parent', ...running.workers().map((pid) => `worker-${pid}`)];
  for (const name of names) {
    expect(valueOf(page, 'process_resident_memory_bytes', { process: name })).toBeGreaterThan(1e6);
    expect(valueOf(page, 'process_cpu_seconds_total', { process: name })).toBeGreaterThan(0);
  }
  const refused = readSamples(page, new Set(['understudy_refused_total'])).get('understudy_refused_total') ?? [];
  const notFound = refused.filter((sample) => labelOf(sample, 'reason') === 'not-found');
  expect(notFound.map((sample) => labelOf(sample, 'process')).toSorted()).toEqual(names.slice(1).toSorted());
  expect(notFound.reduce((sum, { value }) => sum + value, 0)).toBe(10);
}, 90_000);

test('the page needs the token of the admin API', async () => {
  const lab = await gateway([], { adminToken: 's3cret' });
  expect((await fetch(`${lab.adminUrl}/metrics`)).status).toBe(401);
  expect(await pageOf(lab, { authorization: 'Bearer s3cret' })).toContain('understudy_build_info');
});

test('whatever callers send, there are as many samples as before', async () => {
  const a = await upstream(answerAs('a'));
  const lab = await gateway([
    service({ a: a.url }, { a: 100 }),
    { ...service({ a: a.url }, { a: 100 }), service: 'other' },
  ]);
  const ask = async (i: number): Promise<void> => {
    const odd = `x${i}`;
    const asks = [
      lab.chat({ model: odd }),
      lab.chat(
        { user: odd },
        { headers: { 'x-understudy-service': odd, 'x-understudy-priority': odd, authorization: `Bearer ${odd}` } },
      ),
      lab.chat({}, { path: `/v1/${odd}?${odd}=${odd}` }),
      lab.chat({}, { path: `/${odd}` }),
      lab.chat({}, { path: `/v1/models/${odd}`, headers: { host: odd, origin: `http://${odd}` } }),
      fetch(`${lab.url}/v1/models/${odd}`, { method: i % 2 === 0 ? 'OPTIONS' : 'GET' }),
    ];
    for (const answer of await Promise.all(asks)) await answer.arrayBuffer();
  };
  const samples = async (): Promise<readonly string[]> =>
    (await pageOf(lab))
      .split('\n')
      .filter((line) => /^(?!nodejs_eventloop)[a-z]/.test(line)) // that one is there when it was measured

      .map((line) => line.replace(/ \S+$/, ''));
  await ask(0);
  await ask(1);
  const before = await samples();
  for (let i = 2; i < 20; i++) await ask(i);
  expect(await samples()).toEqual(before);
  expect(before.filter((line) => line.includes('x1'))).toEqual([]);
});
