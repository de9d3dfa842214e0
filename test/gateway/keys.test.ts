/** Callers with keys: who is let in, to what, how often; and which key a cluster sees. */
import { createHash } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import type { KeySpec } from '../../src/domain/fleet.js';
import { eventually } from '../kit/eventually.js';
import { gateway, service, stopAll, upstream, type Lab } from './kit.js';
import {
  answerAs,
  beginStream,
  delta,
  finish,
  frame,
  hang,
  role,
  sendJson,
  status,
  type Upstream,
} from './upstream.js';

afterEach(async () => {
  for (const name of Object.keys(process.env)) if (name.startsWith('TEST_')) Reflect.deleteProperty(process.env, name);
  await stopAll();
});

const NO_LIMITS: KeySpec['limits'] = { requestsPerMinute: null, tokensPerMinute: null, concurrent: null };
const keyOf = (name: string, change: Partial<KeySpec> = {}): KeySpec => ({
  name,
  sha256: createHash('sha256').update(`sk-${name}`).digest('hex'),
  services: null,
  limits: NO_LIMITS,
  priorityMax: 'high',
  ...change,
});
const as = (name: string): { headers: Record<string, string> } => ({ headers: { authorization: `Bearer sk-${name}` } });
const errorOf = async (answer: Response): Promise<object> => ((await answer.json()) as { error: object }).error;

async function scene(keys: readonly KeySpec[], behaviour = answerAs('a')): Promise<{ lab: Lab; a: Upstream }> {
  const a = await upstream(behaviour);
  const chat = service({ a: a.url }, { a: 100 });
  const other = { ...chat, service: 'other', members: chat.members.map((m) => ({ ...m, model: 'mistral' })) };
  return { lab: await gateway([chat, other], { settings: { keys } }), a };
}

describe('where keys are needed', () => {
  test.each<[string, Record<string, string>]>([
    ['no key', {}],
    ['a wrong key', { authorization: 'Bearer sk-nobody' }],
    ['the hash instead of the key', { authorization: `Bearer ${keyOf('ada').sha256}` }],
    ['another scheme', { authorization: 'Basic sk-ada' }],
    ['a huge key', { authorization: `Bearer ${'x'.repeat(10_000)}` }],
  ])('%s is refused as OpenAI does it, and asks no cluster', async (_name, headers) => {
    const { lab, a } = await scene([keyOf('ada')]);
    const answer = await lab.chat({}, { headers });
    expect(answer.status).toBe(401);
    expect(await errorOf(answer)).toMatchObject({ type: 'invalid_request_error', code: 'invalid_api_key' });
    expect((await fetch(`${lab.url}/v1/models`, { headers })).status).toBe(401);
    expect(a.requests).toEqual([]);
  });

  test('a known key is let in, and no cluster sees it', async () => {
    const { lab, a } = await scene([keyOf('ada'), keyOf('bob')]);
    for (const name of ['ada', 'bob']) expect((await lab.chat({}, as(name))).status).toBe(200);
    expect(a.requests.map((r) => r.headers.authorization)).toEqual([undefined, undefined]);
  });

  test('health is asked without one', async () => {
    const { lab } = await scene([keyOf('ada')]);
    for (const path of ['/healthz', '/readyz']) expect((await fetch(lab.url + path)).status).toBe(200);
  });

  test('services that a key does not open are as if they were not there', async () => {
    const { lab } = await scene([keyOf('ada', { services: ['chat'] }), keyOf('bob')]);
    const answer = await lab.chat({ model: 'mistral' }, as('ada'));
    expect(answer.status).toBe(404);
    const error = await errorOf(answer);
    expect(error).toMatchObject({ code: 'unknown-service', message: expect.stringMatching(/services: chat$/) });
    const models = await (await fetch(`${lab.url}/v1/models`, as('ada'))).json();
    expect(models).toMatchObject({ data: [{ id: 'chat' }, { id: 'llama' }] });
    expect((await lab.chat({ model: 'other' }, as('bob'))).status).toBe(200);
    expect((await lab.chat({}, { ...as('ada'), path: '/other/v1/chat/completions' })).status).toBe(404);
  });

  test.each<[string, string, string]>([
    ['its path', '/chat/v1/chat/completions', 'mistral'],
    ['a header', '/v1/chat/completions', 'mistral'],
    ['a header, by the name of the other service', '/v1/chat/completions', 'other'],
  ])('a service that a key opens, named by %s, leads to no model of another one', async (_name, path, model) => {
    const { lab, a } = await scene([keyOf('ada', { services: ['chat'] }), keyOf('bob')]);
    const named = (who: string): { path: string; headers: Record<string, string> } => ({
      path,
      headers: { ...as(who).headers, ...(path.startsWith('/v1') ? { 'x-understudy-service': 'chat' } : {}) },
    });
    expect((await lab.chat({ model }, named('ada'))).status).toBe(404);
    expect(a.requests).toEqual([]);
    expect((await lab.chat({ model: 'an-adapter' }, named('ada'))).status).toBe(200);
    expect((await lab.chat({ model }, named('bob'))).status).toBe(200);
  });

  test('new keys hold at once, and what a caller has used stays used', async () => {
    const once = { limits: { ...NO_LIMITS, requestsPerMinute: 1 } };
    const { lab } = await scene([keyOf('ada', once), keyOf('bob')]);
    expect((await lab.chat({}, as('ada'))).status).toBe(200);
    lab.replaceKeys([keyOf('ada', once), keyOf('eve')]);
    const statuses = await Promise.all(['ada', 'bob', 'eve'].map(async (who) => (await lab.chat({}, as(who))).status));
    expect(statuses).toEqual([429, 401, 200]);
    expect(() => lab.replaceKeys(undefined)).toThrow(/restart/);
    expect(JSON.stringify(lab.lines)).not.toContain('sk-');
  });
});

describe('a limit', () => {
  test('that is new counts from when it came, not what was used before', async () => {
    const { lab } = await scene([keyOf('ada')]);
    for (let i = 0; i < 5; i++) await lab.chat({}, as('ada'));
    lab.replaceKeys([keyOf('ada', { limits: { ...NO_LIMITS, requestsPerMinute: 2 } })]);
    expect((await lab.chat({}, as('ada'))).status).toBe(200);
  });

  test('per minute is told with every answer, and refuses what is beyond it', async () => {
    const { lab, a } = await scene([keyOf('ada', { limits: { ...NO_LIMITS, requestsPerMinute: 2 } }), keyOf('bob')]);
    const answers = [];
    for (let i = 0; i < 3; i++) answers.push(await lab.chat({}, as('ada')));
    expect(answers.map((r) => r.status)).toEqual([200, 200, 429]);
    const left = answers.map((r) => r.headers.get('x-ratelimit-remaining-requests'));
    expect(left).toEqual(['1', '0', '0']);
    const [, , refused] = answers as [Response, Response, Response];
    expect(refused.headers.get('x-ratelimit-limit-requests')).toBe('2');
    expect(refused.headers.get('x-ratelimit-reset-requests')).toMatch(/s$/);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await errorOf(refused)).toMatchObject({ type: 'requests', code: 'rate_limit_exceeded' });
    expect((await lab.chat({}, as('bob'))).status).toBe(200);
    expect(a.requests).toHaveLength(3);
  });

  test('on requests at once lets the next one in when one has ended, or its caller has left', async () => {
    const { lab, a } = await scene([keyOf('ada', { limits: { ...NO_LIMITS, concurrent: 1 } })], hang);
    const leaving = new AbortController();
    const first = lab.chat({}, { ...as('ada'), signal: leaving.signal }).catch(() => null);
    await eventually(() => a.requests.length === 1, 5_000);
    const second = await lab.chat({}, as('ada'));
    expect(second.status).toBe(429);
    expect(await errorOf(second)).toMatchObject({ code: 'rate_limit_exceeded' });
    leaving.abort();
    await first;
    a.behave(answerAs('a'));
    await eventually(async () => (await lab.chat({}, as('ada'))).status === 200, 5_000);
    expect((await lab.chat({}, as('ada'))).status).toBe(200);
  });
});

test.each<[KeySpec['priorityMax'], string | undefined, 'soon' | 'later']>([
  ['high', 'high', 'soon'],
  ['low', 'high', 'later'],
  ['low', undefined, 'later'],
])('a key up to %s that claims %s is told to come again %s, when all is full', async (priorityMax, claimed, when) => {
  const a = await upstream(hang);
  const chat = service({ a: a.url }, { a: 100 }, { overload: { spillMaxPct: 0, waitingMax: 0, waitMs: 1_000 } });
  const members = chat.members.map((m) => ({ ...m, limit: 1 }));
  const lab = await gateway([{ ...chat, members }], { settings: { keys: [keyOf('ada', { priorityMax })] } });
  const leaving = new AbortController();
  const running = lab.chat({}, { ...as('ada'), signal: leaving.signal }).catch(() => null);
  await eventually(() => a.requests.length === 1, 5_000);
  const priority = claimed === undefined ? {} : { 'x-understudy-priority': claimed };
  const refused = await lab.chat({}, { headers: { ...as('ada').headers, ...priority } });
  expect(refused.status).toBe(503);
  const retryAfterS = Number(refused.headers.get('retry-after'));
  expect(retryAfterS <= 2 ? 'soon' : retryAfterS >= 5 ? 'later' : 'between').toBe(when);
  leaving.abort();
  await running;
});

describe('a limit in tokens', () => {
  const limited = (tokensPerMinute: number): KeySpec => keyOf('ada', { limits: { ...NO_LIMITS, tokensPerMinute } });
  const counted = { choices: [], usage: { prompt_tokens: 30, completion_tokens: 80 } };
  /** Tokens that are left; another request asks for it, which costs nothing. */
  const left = async (lab: Lab): Promise<number> => {
    const answer = await fetch(`${lab.url}/v1/models`, as('ada'));
    return Number(answer.headers.get('x-ratelimit-remaining-tokens'));
  };

  test('counts what the engine counted, and refuses when it is used up', async () => {
    const { lab, a } = await scene([limited(100), keyOf('bob')], (_request, res) => sendJson(res, 200, counted));
    const first = await lab.chat({}, as('ada'));
    expect([first.status, first.headers.get('x-ratelimit-limit-tokens')]).toEqual([200, '100']);
    await first.text();
    const refused = await lab.chat({}, as('ada'));
    expect(refused.status).toBe(429);
    expect(refused.headers.get('x-ratelimit-remaining-tokens')).toBe('0');
    expect(refused.headers.get('x-ratelimit-reset-tokens')).toMatch(/^1m\d+s$/);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(1);
    const error = await errorOf(refused);
    expect(error).toMatchObject({ type: 'tokens', code: 'rate_limit_exceeded' });
    expect(error).toMatchObject({ message: expect.stringContaining('100 tokens per minute') });
    expect((await lab.chat({}, as('bob'))).headers.get('x-ratelimit-limit-tokens')).toBeNull();
    expect(a.requests).toHaveLength(2);
  });

  test('reserves the longest answer, and gives back what was not needed of it', async () => {
    const { lab, a } = await scene([limited(10_000)], hang);
    const leaving = new AbortController();
    const waiting = lab.chat({ max_tokens: 9_990 }, { ...as('ada'), signal: leaving.signal }).catch(() => null);
    await eventually(() => a.requests.length === 1, 5_000);
    expect(await left(lab)).toBeLessThan(5_000);
    leaving.abort();
    await waiting;
    await eventually(async () => (await left(lab)) > 9_900, 5_000);
    a.behave((_request, res) => sendJson(res, 200, counted));
    const answer = await lab.chat({ max_tokens: 9_000 }, as('ada'));
    expect(Number(answer.headers.get('x-ratelimit-remaining-tokens'))).toBeLessThan(5_000);
    await answer.text();
    await eventually(async () => (await left(lab)) > 9_500, 5_000);
  });

  test.each([
    '99999999999999999999',
    '1e300',
    '-99999999999999999999',
    '999999999',
    '"99999999999999999999"',
    '{"toString":0}',
  ])('an engine that claims %s tokens locks nobody out, and gives nothing away', async (claim) => {
    const a = await upstream((_request, res) => {
      res.writeHead(200, { 'content-type': 'application/json' });
      res.end(`{"choices":[],"usage":{"prompt_tokens":${claim},"completion_tokens":${claim}}}`);
    });
    const lab = await gateway([service({ a: a.url }, { a: 100 })], { settings: { keys: [limited(20_000)] } });
    await lab.chat({ max_tokens: 10 }, as('ada'));
    const rest = await left(lab);
    expect(rest).toBeGreaterThan(10_000);
    expect(rest).toBeLessThanOrEqual(20_000);
  });

  test('takes the frames of a stream that nobody counted for tokens', async () => {
    const frames = 400;
    const { lab } = await scene([limited(1_000)], (_request, res) => {
      beginStream(res, frame(role));
      for (let i = 0; i < frames; i++) res.write(frame(delta('x')));
      res.end(frame(finish('stop')) + frame('[DONE]'));
    });
    await (await lab.chat({ stream: true }, as('ada'))).text();
    await eventually(async () => (await left(lab)) <= 1_000 - frames + 50, 5_000);
    expect(await left(lab)).toBeGreaterThan(1_000 - frames - 50);
  });

  test('takes nothing for an answer that is an error', async () => {
    const { lab } = await scene([limited(1_000)], status(400, 'no '.repeat(2_000)));
    expect((await lab.chat({ max_tokens: 900 }, as('ada'))).status).toBe(400);
    await eventually(async () => (await left(lab)) > 990, 5_000);
  });
});

describe('a cluster', () => {
  test('without a key of its own gets the caller’s, where callers need none of ours', async () => {
    const a = await upstream(answerAs('a'));
    const lab = await gateway([service({ a: a.url }, { a: 100 })]);
    await lab.chat({}, as('ada'));
    expect(a.requests[0]?.headers.authorization).toBe('Bearer sk-ada');
  });

  test.each([['with keys', [keyOf('ada')]] as const, ['without keys', undefined] as const])(
    'with a key of its own gets that one, %s; it stands nowhere else',
    async (_name, keys) => {
      process.env['TEST_A_API_KEY'] = 'cluster-secret';
      const a = await upstream(answerAs('a'));
      const chat = service({ a: a.url }, { a: 100 });
      const members = chat.members.map((m) => ({ ...m, apiKeyEnv: 'TEST_A_API_KEY' }));
      const lab = await gateway([{ ...chat, members }], { settings: keys === undefined ? {} : { keys } });
      await lab.chat({}, as('ada'));
      await lab.chat({ stream: true }, as('ada'));
      expect(a.requests.map((r) => r.headers.authorization)).toEqual(Array(2).fill('Bearer cluster-secret'));
      const seen = JSON.stringify([lab.lines, await lab.state(), await lab.admin('GET', '/state')]);
      expect(seen).not.toContain('cluster-secret');
    },
  );

  test('that refuses the key which we hold for it has failed: another one answers, and no caller is blamed', async () => {
    process.env['TEST_A_API_KEY'] = 'old';
    const a = await upstream(status(401, 'wrong key old'));
    const b = await upstream(answerAs('b'));
    const chat = service({ a: a.url, b: b.url }, { a: 100, b: 0 });
    const members = chat.members.map((m) => (m.cluster === 'a' ? { ...m, apiKeyEnv: 'TEST_A_API_KEY' } : m));
    const lab = await gateway([{ ...chat, members }]);
    expect((await lab.chat()).headers.get('x-understudy-cluster')).toBe('b');
    b.behave(status(500));
    await b.crash();
    const last = await lab.chat();
    expect(last.status).toBe(502);
    expect(await last.text()).not.toContain('wrong key');
  });

  test('whose variable is not set is told loudly, and no other variable can be drawn out', async () => {
    const a = await upstream(answerAs('a'));
    const chat = service({ a: a.url }, { a: 100 });
    const named = (apiKeyEnv: string): object => ({ ...chat, members: chat.members.map((m) => ({ ...m, apiKeyEnv })) });
    const lab = await gateway([named('TEST_NONE_API_KEY') as typeof chat]);
    expect(lab.lines).toContainEqual(expect.objectContaining({ event: 'cluster-key-missing', cluster: 'a' }));
    const { status: answer } = await lab.admin('PUT', '/services/chat', named('UNDERSTUDY_ADMIN_TOKEN'));
    expect(answer).toBe(400);
  });
});

test('open beyond this machine is said loudly, once, unless keys are needed', async () => {
  const open = { event: 'open-to-everybody' };
  const lines = async (host: string, keys?: readonly KeySpec[]): Promise<object[]> =>
    (await gateway([], { host, ...(keys === undefined ? {} : { settings: { keys } }) })).lines;
  expect(await lines('0.0.0.0')).toContainEqual(expect.objectContaining(open));
  expect(await lines('127.0.0.1')).not.toContainEqual(expect.objectContaining(open));
  expect(await lines('0.0.0.0', [keyOf('ada')])).not.toContainEqual(expect.objectContaining(open));
});
