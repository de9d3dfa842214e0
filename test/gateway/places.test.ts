/** A place that a request takes is given back, whatever happens to the request: a lost one is lost until a restart. */
import { createServer, request as ask } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { Transcript } from '../../src/gateway/continuation/transcript.js';
import { exchange } from '../../src/gateway/request/exchange.js';
import type { ExchangeOrder } from '../../src/gateway/request/exchange-order.js';
import type { Endable } from '../../src/gateway/request/untimely-end.js';
import { Roll } from '../../src/gateway/roll.js';
import { defineService } from '../../src/gateway/routes/route-table.js';
import { Service } from '../../src/gateway/service/service.js';
import { Upstreams } from '../../src/gateway/upstream/upstreams.js';
import { WatchedResponse } from '../../src/gateway/watched-response.js';
import { eventually } from '../kit/eventually.js';
import { atEnd, gateway, service, SETTINGS, stopAll, upstream, type Lab } from './kit.js';
import { sendRaw } from './raw.js';
import { answerAs, beginStream, delta, frame, hang, role, type Behaviour } from './upstream.js';

afterEach(stopAll);

const CALLERS = 64;

/** What a gateway counts as taken, by its state. */
async function taken(lab: Lab): Promise<number> {
  const { clusters, waiting } = await lab.state();
  const places = Object.values(clusters).map(({ inFlight }) => (inFlight === 'unknown' ? NaN : (inFlight ?? NaN)));
  return places.reduce((sum, each) => sum + each, waiting ?? 0);
}

async function isAsBefore(lab: Lab): Promise<void> {
  await eventually(async () => (await taken(lab)) === 0, 5_000);
  const answer = await lab.chat();
  expect([answer.status, await answer.json()]).toMatchObject([200, { from: 'a' }]);
}

const limited = (url: string) => {
  const { members, ...rest } = service({ a: url }, { a: 100 });
  return { ...rest, members: members.map((m) => ({ ...m, limit: CALLERS })) };
};

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
const post = (body: string, path = '/v1/chat/completions'): string =>
  `POST ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

describe('hostile bodies, as many as there are places', () => {
  test.each<[string, string]>([
    ['a model’s key with an escape, and depth', `{"mod\\u0065l":"chat","messages":[],"x":${nested(20_000)}}`],
    ['two models, and depth', `{"model":"chat","model":"chat","messages":[],"x":${nested(20_000)}}`],
    ['a model inside something, and depth', `{"model":"chat","x":{"model":"y"},"messages":[],"y":${nested(20_000)}}`],
    ['depth in a stream', `{"model":"chat","stream":true,"messages":[],"x":${nested(20_000)}}`],
    [
      'depth where a prefix is looked for',
      `{"model":"chat","messages":[{"role":"system","content":${nested(20_000)}}]}`,
    ],
    ['no object at all', 'null'],
    ['a number of answers beyond all bounds', '{"model":"chat","stream":true,"n":1e308,"messages":[]}'],
    ['a number of answers below zero', '{"model":"chat","stream":true,"n":-1e308,"messages":[]}'],
    ['what has the names of methods', '{"model":"chat","__proto__":1,"toString":0,"messages":{"length":1e9}}'],
  ])('%s', async (_name, body) => {
    const a = await upstream(answerAs('a'));
    const lab = await gateway([limited(a.url)]);
    const ended = Array.from({ length: CALLERS }, async () => await sendRaw(lab.url, [post(body)]).catch(() => ''));
    await Promise.race([Promise.all(ended), new Promise((late) => setTimeout(late, 3_000))]);
    await isAsBefore(lab);
  });
});

test('a cluster gets the body as its caller wrote it, but for the model', async () => {
  const a = await upstream(answerAs('a'));
  const lab = await gateway([service({ a: a.url }, { a: 100 })]);
  const bodies = [
    [
      `{"a":{"model":"chat"},"mod\\u0065l" : "chat","n":12345678901234567890}`,
      `{"a":{"model":"chat"},"mod\\u0065l" : "llama","n":12345678901234567890}`,
    ],
    [
      `{"model":"chat","x":"\\"model\\":\\"chat\\"","model":"chat"}`,
      `{"model":"llama","x":"\\"model\\":\\"chat\\"","model":"llama"}`,
    ],
    [`{"x":["model","chat"],"model":"chat","y":"é\\\\"}`, `{"x":["model","chat"],"model":"llama","y":"é\\\\"}`],
  ] as const;
  for (const [sent] of bodies) await sendRaw(lab.url, [post(sent)]);
  expect(a.requests.map(({ body }) => body)).toEqual(bodies.map(([, got]) => got));
});

describe('a caller that leaves', () => {
  const streaming: Behaviour = (_request, res) => beginStream(res, frame(role) + frame(delta('a')));
  const whole = post('{"model":"chat","stream":true,"messages":[]}');
  test.each<[string, Behaviour, readonly string[]]>([
    ['inside the head', hang, [whole.slice(0, 40)]],
    ['behind the head', hang, [whole.slice(0, whole.indexOf('\r\n\r\n') + 4)]],
    ['inside the body', hang, [whole.slice(0, -10)]],
    ['before the answer', hang, [whole]],
    ['inside a stream', streaming, [whole]],
    ['with a second request behind the first', hang, [whole.replace('connection: close', 'a: b'), whole]],
  ])('%s takes nothing with it', async (_name, behaviour, pieces) => {
    const a = await upstream(behaviour);
    const lab = await gateway([limited(a.url)]);
    for (const leave of ['reset', 'end'] as const)
      await Promise.all(
        Array.from({ length: 8 }, async () => await sendRaw(lab.url, pieces, { leave }).catch(() => '')),
      );
    a.behave(answerAs('a'));
    await isAsBefore(lab);
  });
});

/** An exchange whose parts are as a test wants them, behind a real server and before a real cluster. */
async function bench(behaviour: Behaviour, broken: (order: ExchangeOrder) => Partial<ExchangeOrder>) {
  const [a, b] = [await upstream(behaviour), await upstream(behaviour)];
  const upstreams = new Upstreams(1_000);
  atEnd(() => upstreams.destroy());
  const table = defineService({}, service({ a: a.url, b: b.url }, { a: 100, b: 0 }), 0);
  const chat = table['chat'];
  if (chat === undefined) throw new Error('no service');
  const served = new Service(chat, { process: 'test', upstreams, clock: Date.now, tell: () => undefined });
  const running = new Roll<Endable>();
  const errors: unknown[] = [];
  const parsed = { stream: true, messages: [] };
  const body = Buffer.from(JSON.stringify(parsed));
  const server = createServer({ ServerResponse: WatchedResponse }, (_req, res) => {
    const order: ExchangeOrder = {
      service: served,
      request: {
        method: 'POST',
        path: '/v1/chat/completions',
        headers: [],
        stream: true,
        streamKind: 'choices',
        choices: 1,
      },
      account: null,
      bodyFor: () => body,
      key: null,
      priority: 'normal',
      res,
      running,
      limits: SETTINGS,
      transcript: new Transcript({ api: 'chat', body, parsed, translates: true, continueBy: undefined }),
      keeper: null,
      memory: { take: () => true },
      owner: null,
    };
    exchange({ ...order, ...broken(order) }).catch((error: unknown) => {
      errors.push(error);
      res.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => server.close().closeAllConnections());
  const { port } = server.address() as AddressInfo;
  const call = async (): Promise<void> =>
    await new Promise((resolve) => {
      const req = ask({ port, method: 'POST', agent: false }, (res) => void res.resume().once('close', resolve));
      req.once('error', () => resolve()).end();
    });
  return { served, running, errors, call };
}

const fail = (): never => {
  throw new RangeError('Maximum call stack size exceeded');
};
/** Says something, then breaks off: another cluster has to go on. */
const breaks: Behaviour = (_request, res) => {
  beginStream(res, frame(role) + frame(delta('so far')));
  setTimeout(() => res.destroy(), 10);
};

describe('whatever throws while a request has a place', () => {
  const failing = (transcript: Transcript | null, name: string): Transcript =>
    new Proxy(transcript as Transcript, {
      get: (target, key) => {
        if (key === name) return fail;
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  test.each<[string, Behaviour, (order: ExchangeOrder) => Partial<ExchangeOrder>]>([
    ['the body for a cluster', hang, () => ({ bodyFor: fail })],
    ['how a stream is begun', hang, ({ transcript }) => ({ transcript: failing(transcript, 'opening') })],
    ['who listens', hang, ({ transcript }) => ({ transcript: failing(transcript, 'listen') })],
    ['the account', hang, () => ({ account: { tries: fail, concluded: () => undefined } as never })],
    ['a head that cannot be written', hang, ({ request }) => ({ request: { ...request, headers: null as never } })],
    ['the request for the rest', breaks, ({ transcript }) => ({ transcript: failing(transcript, 'requestFor') })],
    ['how the rest is joined', breaks, ({ transcript }) => ({ transcript: failing(transcript, 'spliceTo') })],
    ['what is taken down', breaks, ({ transcript }) => ({ transcript: failing(transcript, 'broke') })],
  ])('%s', async (_name, behaviour, broken) => {
    const { served, running, errors, call } = await bench(behaviour, broken);
    await Promise.all(Array.from({ length: CALLERS }, call));
    await eventually(() => errors.length === CALLERS, 5_000);
    expect(served.members.map((m) => [m.inFlight, m.upstream.load.running, m.running.list().length])).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ]);
    expect(running.list()).toEqual([]);
    expect(served.budget.active).toBe(0);
  });
});

test('a caller that has left before its request is begun is not asked for', async () => {
  const { served, running, call } = await bench(answerAs('a'), ({ res }) => {
    res.destroy();
    return {};
  });
  await call();
  expect([served.members.map((m) => m.tally.requests), running.list()]).toEqual([[0, 0], []]);
});
