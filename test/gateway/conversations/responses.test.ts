/** Conversations of the Responses API through real gateways, before simulated engines that keep nothing themselves. */
import { createHash } from 'node:crypto';
import type { Server } from 'node:http';
import { connect, createServer, type AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { ConversationSettings, KeySpec } from '../../../src/domain/fleet.js';
import { CONVERSATION_BYTES_MAX } from '../../../src/gateway/conversations/conversations.js';
import { createServingApp } from '../../../src/simulator/serving-app.js';
import { SETTINGS_DEFAULT } from '../../../src/simulator/settings.js';
import { expectedText, promptKeyOfChat, type ChatMessage } from '../../../src/simulator/text.js';
import { eventually } from '../../kit/eventually.js';
import { hasRedis, startRedis } from '../../kit/redis.js';
import { gateway, service, stopAll, tempDir, type Lab } from '../kit.js';
import { startUpstream } from '../upstream.js';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  await stopAll();
  for (const end of ends.splice(0).reverse()) await end();
});

const KEPT: ConversationSettings = { store: 'disk', ttlMs: 60_000, bytesMax: 64 << 20, redisUrlEnv: 'REDIS' };
const KEYS = { a: { authorization: 'Bearer a' }, b: { authorization: 'Bearer b' } };

interface Engine {
  readonly url: string;
  readonly server: Server;
}

async function engine(name: string): Promise<Engine> {
  const app = createServingApp({ ...SETTINGS_DEFAULT, name, model: 'llama', tokensPerSecond: 2_000 });
  await new Promise<void>((resolve) => app.server.listen(0, '127.0.0.1', resolve));
  ends.push(() => app.close());
  return { url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`, server: app.server };
}

async function lab(
  members: Record<string, string>,
  home: Record<string, number>,
  more: { dataDir?: string; settings?: Partial<ConversationSettings>; redisUrl?: string } = {},
): Promise<Lab> {
  const { settings, ...options } = more;
  const conversations = { ...KEPT, ...settings };
  return await gateway([service(members, home)], { ...options, settings: { conversations } });
}

/** As much of an answer as is looked at; an error has no more than that. */
interface Body {
  readonly id: string;
  readonly previous_response_id: string | null;
  readonly output: readonly { readonly content: readonly { readonly text: string }[] }[];
  readonly error: { readonly code: unknown; readonly param?: string };
}

interface Answer {
  readonly status: number;
  readonly by: string | null;
  readonly body: Body;
}

/** Answers take this much longer; well below what a gateway waits for its store. */
const SLOW_MS = 250;

/** A way to the server on which every command is late. */
async function slowWayTo(redisUrl: string): Promise<string> {
  const { hostname, port } = new URL(redisUrl);
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    near.on('data', (part: Buffer) => setTimeout(() => far.write(part), SLOW_MS));
    far.pipe(near);
    for (const [end, other] of [
      [near, far],
      [far, near],
    ] as const)
      end.on('error', () => undefined).on('close', () => other.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => server.close());
  return `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Streamed {
  readonly events: readonly { readonly response?: Body }[];
  readonly raw: string;
}

async function ask(at: Lab, body: object, headers: Record<string, string> = {}): Promise<Answer> {
  const answer = await at.chat(body, { path: '/v1/responses', headers });
  return {
    status: answer.status,
    by: answer.headers.get('x-simulated-cluster'),
    body: (await answer.json()) as Body,
  };
}

async function call(at: Lab, method: string, id: string, headers: Record<string, string> = {}): Promise<Answer> {
  const answer = await fetch(`${at.url}/v1/responses/${id}`, { method, headers });
  return { status: answer.status, by: null, body: (await answer.json()) as Body };
}

/** Events of a stream, and all of it as it came. */
async function streamed(at: Lab, body: object): Promise<Streamed> {
  const answer = await at.chat({ ...body, stream: true }, { path: '/v1/responses' });
  const raw = await answer.text();
  const data = raw.split('\n').filter((line) => line.startsWith('data: '));
  return { raw, events: data.map((line) => JSON.parse(line.slice(6)) as { response?: Body }) };
}

const said = (body: Body | undefined): string | undefined => body?.output[0]?.content[0]?.text;
const textOf = ({ body }: Answer): string => said(body) ?? 'no text';
const user = (content: string): ChatMessage => ({ role: 'user', content });
const assistant = (content: string): ChatMessage => ({ role: 'assistant', content });
const expected = (...messages: ChatMessage[]): string => expectedText(promptKeyOfChat(messages), null);

async function crash({ server }: Engine): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

test('a conversation goes on at another cluster when the first is gone, in one piece and streamed', async () => {
  const [a, b] = [await engine('a'), await engine('b')];
  const at = await lab({ a: a.url, b: b.url }, { a: 100, b: 0 });
  const first = await ask(at, { input: 'one' });
  expect([first.by, textOf(first)]).toEqual(['a', expected(user('one'))]);
  expect(first.body.previous_response_id).toBeNull();

  await crash(a);
  const second = await ask(at, { input: 'two', previous_response_id: first.body.id });
  const sayings = [user('one'), assistant(textOf(first)), user('two')];
  expect([second.by, textOf(second)]).toEqual(['b', expected(...sayings)]);
  expect(second.body.previous_response_id).toBe(first.body.id);

  const third = await streamed(at, { input: [user('three')], previous_response_id: second.body.id });
  const response = third.events.at(-1)?.response;
  const text = expected(...sayings, assistant(textOf(second)), user('three'));
  expect(said(response)).toBe(text);
  const told = third.events.flatMap((event) => event.response?.previous_response_id ?? []);
  expect(told).toEqual([second.body.id, second.body.id, second.body.id]);
  const fourth = await ask(at, { input: 'four', previous_response_id: response?.id });
  const all = [...sayings, assistant(textOf(second)), user('three'), assistant(text), user('four')];
  expect(textOf(fourth)).toBe(expected(...all));
});

test('a stream passes byte for byte when nothing of it must change', async () => {
  const sent =
    'event: response.completed\ndata: {"type":"response.completed", "response":{"id":"resp_1","status":"completed","output":[], "previous_response_id" : null}}\n\n';
  const fake = await startUpstream((_request, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.end(sent);
  });
  ends.push(async () => await fake.crash());
  const at = await lab({ a: fake.url }, { a: 100 });
  expect((await streamed(at, { input: 'hi' })).raw).toBe(sent);
  const next = await streamed(at, { input: 'more', previous_response_id: 'resp_1' });
  expect(next.raw).toBe(sent.replace(' : null', ' : "resp_1"'));
});

test('instructions belong to one turn', async () => {
  const a = await engine('a');
  const at = await lab({ a: a.url }, { a: 100 });
  const first = await ask(at, { input: 'one', instructions: 'be kind' });
  expect(textOf(first)).toBe(expected({ role: 'system', content: 'be kind' }, user('one')));
  const second = await ask(at, { input: 'two', previous_response_id: first.body.id });
  expect(textOf(second)).toBe(expected(user('one'), assistant(textOf(first)), user('two')));
});

test('an unknown id is told as OpenAI tells it, and so is one that was not to be stored', async () => {
  const a = await engine('a');
  const at = await lab({ a: a.url }, { a: 100 });
  const unsaved = await ask(at, { input: 'one', store: false });
  for (const id of ['resp_none', unsaved.body.id, '../../etc', 'x'.repeat(10_000)]) {
    const { status, body } = await ask(at, { input: 'two', previous_response_id: id });
    expect(status).toBe(400);
    expect(body.error).toMatchObject({
      type: 'invalid_request_error',
      code: 'previous_response_not_found',
      param: 'previous_response_id',
    });
  }
});

test('a conversation is gone when its time is over', async () => {
  const a = await engine('a');
  const at = await lab({ a: a.url }, { a: 100 }, { settings: { ttlMs: 1 } });
  const first = await ask(at, { input: 'one' });
  const second = await ask(at, { input: 'two', previous_response_id: first.body.id });
  expect([second.status, second.body.error.code]).toEqual([400, 'previous_response_not_found']);
});

test('nobody goes on with, reads or deletes what belongs to another key', async () => {
  const a = await engine('a');
  const at = await lab({ a: a.url }, { a: 100 });
  const mine = await ask(at, { input: 'secret' }, KEYS.a);
  const id = mine.body.id;
  for (const headers of [KEYS.b, {}]) {
    expect((await ask(at, { input: 'repeat', previous_response_id: id }, headers)).status).toBe(400);
    expect((await call(at, 'GET', id, headers)).status).toBe(404);
    expect((await call(at, 'DELETE', id, headers)).status).toBe(404);
  }
  expect((await call(at, 'GET', id, KEYS.a)).body).toEqual(mine.body);
  expect((await ask(at, { input: 'more', previous_response_id: id }, KEYS.a)).status).toBe(200);
});

test('where callers have keys of ours, a caller keeps its conversations when its key is changed, and nobody else has them', async () => {
  const a = await engine('a');
  const keyOf = (name: string, key: string): KeySpec => ({
    name,
    sha256: createHash('sha256').update(key).digest('hex'),
    services: null,
    limits: { requestsPerMinute: null, tokensPerMinute: null, concurrent: null },
    priorityMax: 'high',
  });
  const [old, fresh, other] = ['old', 'fresh', 'other'].map((key) => ({ authorization: `Bearer ${key}` }));
  const keys = [keyOf('ada', 'old'), keyOf('bob', 'other')];
  const at = await gateway([service({ a: a.url }, { a: 100 })], { settings: { conversations: KEPT, keys } });
  const mine = await ask(at, { input: 'one' }, old);
  const id = mine.body.id;
  at.replaceKeys([keyOf('ada', 'fresh'), keyOf('bob', 'old'), keyOf('eve', 'other')]);
  const next = { input: 'two', previous_response_id: id };
  expect(textOf(await ask(at, next, fresh))).toBe(expected(user('one'), assistant(textOf(mine)), user('two')));
  expect((await call(at, 'GET', id, fresh)).body).toEqual(mine.body);
  for (const headers of [old, other]) {
    expect((await ask(at, next, headers)).body.error.code).toBe('previous_response_not_found');
    expect((await call(at, 'DELETE', id, headers)).status).toBe(404);
  }
});

test('kept answers can be read and deleted, whoever is up', async () => {
  const a = await engine('a');
  const at = await lab({ a: a.url }, { a: 100 });
  const first = await ask(at, { input: 'one' });
  const second = await ask(at, { input: 'two', previous_response_id: first.body.id });
  const id = second.body.id;
  await crash(a);
  expect((await call(at, 'GET', id)).body).toEqual(second.body);
  expect((await call(at, 'DELETE', id)).body).toEqual({ id, object: 'response', deleted: true });
  expect((await call(at, 'DELETE', id)).status).toBe(404);
  expect((await call(at, 'GET', id)).body.error.code).toBe('not-found');
  expect((await call(at, 'GET', `${first.body.id}/input_items`)).status).toBe(404);
});

test('a conversation that grew too large is named as that', async () => {
  const a = await startUpstream((_request, res) => {
    const text = 'x'.repeat(CONVERSATION_BYTES_MAX);
    res.writeHead(200, { 'content-type': 'application/json' });
    res.end(JSON.stringify({ id: 'resp_1', status: 'completed', output: [{ text }] }));
  });
  ends.push(async () => await a.crash());
  const at = await lab({ a: a.url }, { a: 100 });
  expect((await ask(at, { input: 'one' })).status).toBe(200);
  const { status, body } = await ask(at, { input: 'two', previous_response_id: 'resp_1' });
  expect([status, body.error.code]).toEqual([400, 'conversation-too-large']);
  expect((await call(at, 'GET', 'resp_1')).status).toBe(404);
});

test('what would live in one cluster only is refused', async () => {
  const a = await engine('a');
  const at = await lab({ a: a.url }, { a: 100 });
  for (const param of ['conversation', 'background']) {
    const value = param === 'background' ? true : 'conv_1';
    const { status, body } = await ask(at, { input: 'hi', [param]: value });
    expect([status, body.error.code, body.error.param]).toEqual([400, 'bad-input', param]);
  }
});

test('switched off, everything passes as it is', async () => {
  const a = await engine('a');
  const at = await lab({ a: a.url }, { a: 100 }, { settings: { store: 'off' } });
  const first = await ask(at, { input: 'one' });
  const second = await ask(at, { input: 'two', previous_response_id: first.body.id });
  expect([second.status, second.body.error.code]).toEqual([404, 404]); // the engine's own words
});

test('two gateways on one disk share their conversations, and so does the next process', async () => {
  const [a, b] = [await engine('a'), await engine('b')];
  const dataDir = tempDir();
  const [here, there] = [
    await lab({ a: a.url }, { a: 100 }, { dataDir }),
    await lab({ b: b.url }, { b: 100 }, { dataDir }),
  ];
  const first = await ask(here, { input: 'one' });
  await here.close(0);
  const second = await ask(there, { input: 'two', previous_response_id: first.body.id });
  expect(textOf(second)).toBe(expected(user('one'), assistant(textOf(first)), user('two')));
});

test('a disk that refuses stops only who needs it', async () => {
  const a = await engine('a');
  const dataDir = tempDir();
  const at = await lab({ a: a.url }, { a: 100 }, { dataDir });
  await at.close(0);
  const { mkdirSync, rmSync } = await import('node:fs');
  rmSync(`${dataDir}/gateway-conversations.mdb`);
  mkdirSync(`${dataDir}/gateway-conversations.mdb`);
  const broken = await lab({ a: a.url }, { a: 100 }, { dataDir });
  const first = await ask(broken, { input: 'one' });
  expect(textOf(first)).toBe(expected(user('one')));
  const { status, body } = await ask(broken, { input: 'two', previous_response_id: first.body.id });
  expect([status, body.error.code]).toEqual([503, 'conversations-unreachable']);
  expect((await call(broken, 'GET', first.body.id)).status).toBe(503);
  expect(broken.lines.filter((line) => line['event'] === 'conversations-not-kept')).toHaveLength(1);
});

/** A gateway of one cluster that has reached its Redis: before, it says 503 and keeps nothing. */
async function labAt(redisUrl: string, members: Readonly<Record<string, string>>): Promise<Lab> {
  const weights = Object.fromEntries(Object.keys(members).map((name) => [name, 100]));
  const at = await lab(members, weights, { redisUrl, settings: { store: 'redis' } });
  await eventually(async () => (await call(at, 'GET', 'resp_nobody')).status === 404, 10_000);
  return at;
}

if (hasRedis()) {
  test('two gateways at one Redis: turns in one piece and streamed go on at the other at once', async () => {
    const [a, b] = [await engine('a'), await engine('b')];
    const redis = await startRedis();
    ends.push(async () => await redis.kill());
    const labs = [await labAt(redis.url, { a: a.url }), await labAt(redis.url, { b: b.url })];
    const sayings: ChatMessage[] = [];
    let previous: string | null = null;
    for (let turn = 0; turn < 20; turn++) {
      const at = labs[turn % 2];
      if (at === undefined) continue;
      const body = { input: `turn ${turn}`, ...(previous !== null && { previous_response_id: previous }) };
      const { events } = await streamed(at, body);
      const response = events.at(-1)?.response;
      sayings.push(user(`turn ${turn}`));
      expect(said(response)).toBe(expected(...sayings));
      sayings.push(assistant(expected(...sayings)));
      previous = response?.id ?? null;
    }
  });

  test('the end of a stream is held back until a slow store has the turn: whoever has it can go on at once', async () => {
    const [a, b] = [await engine('a'), await engine('b')];
    const redis = await startRedis();
    ends.push(async () => await redis.kill());
    const slow = await labAt(await slowWayTo(redis.url), { a: a.url });
    const fast = await labAt(redis.url, { b: b.url });
    for (let i = 0; i < 3; i++) {
      const { events } = await streamed(slow, { input: 'one' });
      const id = events.at(-1)?.response?.id ?? '';
      expect((await call(fast, 'GET', id)).status).toBe(200);
    }
  });

  test('a Redis that hangs or dies: answers still come, turns that need it are told, and it heals by itself', async () => {
    const a = await engine('a');
    const redis = await startRedis();
    ends.push(async () => await redis.kill());
    const at = await labAt(redis.url, { a: a.url });
    const first = await ask(at, { input: 'one' });
    const next = { input: 'two', previous_response_id: first.body.id };
    expect((await ask(at, next)).status).toBe(200);
    redis.freeze();
    expect((await ask(at, { input: 'free' })).status).toBe(200);
    const told = await ask(at, next);
    expect([told.status, told.body.error.code]).toEqual([503, 'conversations-unreachable']);
    redis.thaw();
    expect((await ask(at, next)).status).toBe(200);
    await redis.kill();
    expect((await ask(at, { input: 'free' })).status).toBe(200);
    expect((await ask(at, next)).status).toBe(503);
    expect(JSON.stringify(at.lines)).not.toContain('free');
  });
} else {
  test('redis-server is not installed: gateways that share a Redis were NOT tested', () => undefined);
}
