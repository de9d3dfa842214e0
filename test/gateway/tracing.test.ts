/** Traces of a real gateway, as a real HTTP collector gets them; and what a gateway without a collector leaves alone. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { faults } from '../../src/gateway/boundary.js';
import type { RequestRecord } from '../../src/gateway/account/account.js';
import { eventually } from '../kit/eventually.js';
import { atEnd, gateway, service, stopAll, tempDir, upstream, type Lab } from './kit.js';
import {
  beginStream,
  delta,
  finish,
  frame,
  hang,
  role,
  sendJson,
  status,
  type Behaviour,
  type Upstream,
} from './upstream.js';

afterEach(async () => {
  await stopAll();
  vi.unstubAllEnvs();
});

const SECRET = 'the-secret-prompt';
const ANSWER = 'the-secret-answer';
const KEY = 'sk-the-secret-key';
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const CALLER = 'b7ad6b7169203331';
const TRACEPARENT = `00-${TRACE}-${CALLER}-01`;
const USAGE = { prompt_tokens: 11, completion_tokens: 7 };
const WAIT_MS = 10_000;

type Values = Readonly<Record<string, unknown>>;

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** 2: server, 3: client. */
  readonly kind: number;
  /** 2: error. */
  readonly status: { readonly code: number };
  readonly attributes: Values;
}

interface Collector {
  readonly url: string;
  /** Everything that was sent, as it came. */
  readonly bodies: string[];
  readonly spans: () => readonly Span[];
}

/** The JSON of OTLP: `{"stringValue": …}` and its like. */
function valueOf(value: Values): unknown {
  const [kind, inner] = Object.entries(value)[0] ?? [];
  return kind === 'arrayValue' ? (inner as { values: Values[] }).values.map(valueOf) : inner;
}

const attributesOf = (list: readonly { readonly key: string; readonly value: Values }[]): Values =>
  Object.fromEntries(list.map(({ key, value }) => [key, valueOf(value)]));

function spansIn(body: string): Span[] {
  const { resourceSpans } = JSON.parse(body) as {
    readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly Span[] }[] }[];
  };
  const spans = resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
  return spans.map((span) => ({ ...span, attributes: attributesOf(span.attributes as never) }));
}

async function collector(answers = true): Promise<Collector> {
  const bodies: string[] = [];
  const server = createServer((req, res) => {
    let body = '';
    req.on('data', (chunk: Buffer) => (body += chunk.toString()));
    req.on('end', () => {
      bodies.push(body);
      if (answers) sendJson(res, 200, {});
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, bodies, spans: () => bodies.flatMap(spansIn) };
}

interface Scene {
  readonly lab: Lab;
  readonly upstreams: Readonly<Record<string, Upstream>>;
  readonly collected: Collector;
  /** What was collected when the gateway has ended: the request's span, and those of its attempts. */
  end(): Promise<{ readonly server: Span; readonly clients: readonly Span[] }>;
}

async function scene(behaviours: Readonly<Record<string, Behaviour>>, settings: object = {}): Promise<Scene> {
  const collected = await collector();
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', collected.url);
  const { lab, upstreams } = await plainScene(behaviours, settings);
  const end: Scene['end'] = async () => {
    await lab.close(1_000);
    const [server, ...more] = collected.spans().filter(({ kind }) => kind === 2);
    if (server === undefined || more.length > 0) throw new Error(`${more.length + 1} spans of requests`);
    return { server, clients: collected.spans().filter(({ kind }) => kind === 3) };
  };
  return { lab, upstreams, collected, end };
}

async function plainScene(
  behaviours: Readonly<Record<string, Behaviour>>,
  settings: object = {},
): Promise<Pick<Scene, 'lab' | 'upstreams'>> {
  const upstreams: Record<string, Upstream> = {};
  for (const [name, behaviour] of Object.entries(behaviours)) upstreams[name] = await upstream(behaviour);
  const urls = Object.fromEntries(Object.entries(upstreams).map(([name, { url }]) => [name, url]));
  const home = Object.fromEntries(Object.keys(urls).map((name, i) => [name, i === 0 ? 100 : 0]));
  return { lab: await gateway([service(urls, home)], { settings }), upstreams };
}

const asked = { messages: [{ role: 'user', content: SECRET }] };
const headers = { traceparent: TRACEPARENT, tracestate: `vendor=${SECRET}`, authorization: `Bearer ${KEY}` };
const whole: Behaviour = (_request, res) =>
  sendJson(res, 200, { choices: [{ index: 0, message: { content: ANSWER }, finish_reason: 'stop' }], usage: USAGE });
const broken: Behaviour = (_request, res) => {
  beginStream(res, frame(role) + frame(delta(`${ANSWER} `)));
  setTimeout(() => res.destroy(), 50);
};
const rest: Behaviour = (_request, res) => {
  beginStream(res, frame(role) + frame(delta('goes on')) + frame(finish('length')));
  res.end(frame({ id: 'c1', choices: [], usage: USAGE }) + frame('[DONE]'));
};

/** Packages that were loaded into this process. Vitest has `api` of its own, so that it says nothing. */
const loaded = (): string[] =>
  Object.keys(createRequire(import.meta.url).cache).filter((file) => /@opentelemetry.(sdk|exporter|core)/.test(file));

const contextOf = (span: Span): string => `00-${span.traceId}-${span.spanId}-01`;
const contextAt = (at: Upstream | undefined): unknown[] => (at?.requests ?? []).map((r) => r.headers['traceparent']);

// The first one here: what is loaded stays loaded.
test.each([
  ['without a collector', {}],
  ['when traces are off', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_TRACES_EXPORTER: 'none' }],
  ['when all is off', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_SDK_DISABLED: 'true' }],
])("%s nothing is loaded, and the caller's context passes as it is", async (_name, env) => {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const accessLog = join(tempDir(), 'access.log');
  const { lab, upstreams } = await plainScene({ a: whole }, { accessLog });
  await (await lab.chat(asked, { headers })).text();
  await lab.close(1_000);
  expect(upstreams['a']?.requests[0]?.headers).toMatchObject({ traceparent: TRACEPARENT });
  expect(loaded()).toEqual([]);
});

test('a request and its attempt: one trace, and the cluster is told of the attempt', async () => {
  const { lab, upstreams, end } = await scene({ a: whole });
  await (await lab.chat(asked, { headers, path: `/v1/chat/completions?q=${SECRET}` })).text();
  const { server, clients } = await end();
  const [client] = clients as [Span];
  expect(clients).toHaveLength(1);
  expect(server).toMatchObject({ name: 'POST chat', traceId: TRACE, parentSpanId: CALLER, status: { code: 0 } });
  expect(server.attributes).toEqual({
    'http.request.method': 'POST',
    'url.path': '/v1/chat/completions',
    'http.response.status_code': 200,
    'gen_ai.operation.name': 'chat',
    'gen_ai.request.model': 'chat',
    'gen_ai.response.finish_reasons': ['stop'],
    'gen_ai.usage.input_tokens': 11,
    'gen_ai.usage.output_tokens': 7,
    'understudy.service': 'chat',
    'understudy.continued': false,
  });
  expect(client).toMatchObject({ name: 'POST a', traceId: TRACE, parentSpanId: server.spanId, status: { code: 0 } });
  expect(client.attributes).toEqual({
    'http.request.method': 'POST',
    'url.path': '/v1/chat/completions',
    'http.response.status_code': 200,
    'gen_ai.operation.name': 'chat',
    'understudy.service': 'chat',
    'understudy.cluster': 'a',
  });
  expect(contextAt(upstreams['a'])).toEqual([contextOf(client)]);
  expect(upstreams['a']?.requests[0]?.headers['tracestate']).toBe(headers.tracestate);
  expect(loaded()).not.toEqual([]);
});

test('a continued stream has two attempts below one request', async () => {
  const { lab, upstreams, end } = await scene({ a: broken, b: rest });
  expect(await (await lab.chat({ ...asked, stream: true })).text()).toContain('[DONE]');
  const { server, clients } = await end();
  expect(server.parentSpanId ?? '').toBe('');
  expect(server.attributes).toMatchObject({
    'understudy.continued': true,
    'gen_ai.response.finish_reasons': ['length'],
    'http.response.status_code': 200,
  });
  const named = (cluster: string): Span | undefined =>
    clients.find(({ attributes }) => attributes['understudy.cluster'] === cluster);
  expect(clients).toHaveLength(2);
  expect(clients.map(({ traceId, parentSpanId }) => [traceId, parentSpanId])).toEqual(
    clients.map(() => [server.traceId, server.spanId]),
  );
  expect(named('a')).toMatchObject({ status: { code: 2 }, attributes: { 'error.type': 'cut' } });
  expect(named('b')?.attributes).not.toHaveProperty('error.type');
  expect(contextAt(upstreams['a'])).toEqual([contextOf(named('a') as Span)]);
  expect(contextAt(upstreams['b'])).toEqual([contextOf(named('b') as Span)]);
});

test('who is to blame: a cluster that failed, a caller that was wrong, nobody that answered', async () => {
  const lost = await scene({ a: status(500), b: status(503) });
  await (await lost.lab.chat(asked)).text();
  const after = await lost.end();
  expect(after.server).toMatchObject({ status: { code: 2 }, attributes: { 'error.type': 'lost' } });
  expect(after.clients.map((c) => c.attributes['http.response.status_code'])).toEqual([500, 503]);

  const wrong = await scene({ a: status(400) });
  await (await wrong.lab.chat(asked)).text();
  const refused = await wrong.end();
  expect(refused.server).toMatchObject({ status: { code: 0 }, attributes: { 'error.type': 'client' } });
  expect(refused.clients).toMatchObject([{ status: { code: 2 }, attributes: { 'error.type': 'client' } }]);

  const gone = await scene({ a: hang });
  const leaves = new AbortController();
  const left = gone.lab.chat(asked, { signal: leaves.signal }).catch(() => null);
  await eventually(() => gone.upstreams['a']?.requests.length === 1, WAIT_MS);
  leaves.abort();
  await left;
  const nobody = await gone.end();
  expect(nobody.server.attributes).toMatchObject({ 'error.type': 'gone' });
  expect(nobody.server.attributes).not.toHaveProperty('http.response.status_code');
  expect(nobody.clients[0]?.attributes).not.toHaveProperty('http.response.status_code');
});

test('nothing that was said, no key and no header is ever there', async () => {
  const { lab, collected } = await scene({ a: broken, b: rest, c: status(400, SECRET) });
  await (await lab.chat({ ...asked, stream: true }, { headers })).text();
  await (await lab.chat(asked, { headers, path: `/v1/chat/completions?key=${KEY}` })).text().catch(() => null);
  await (await lab.chat({ ...asked, user: SECRET }, { headers: { ...headers, 'x-conversation-id': SECRET } })).text();
  await lab.close(1_000);
  expect(collected.spans().filter(({ kind }) => kind === 2)).toHaveLength(3);
  for (const word of [SECRET, ANSWER, 'goes on', 'sk-', 'vendor'])
    expect(collected.bodies.join('')).not.toContain(word);
});

test('a path is cut in every span', async () => {
  const { lab, end } = await scene({ a: whole });
  await (await lab.chat(asked, { path: `/v1/${'long/'.repeat(2_000)}?${'q'.repeat(1_000)}` })).text();
  const { server, clients } = await end();
  for (const { attributes } of [server, ...clients])
    expect(attributes['url.path']).toBe(`/v1/${'long/'.repeat(40)}`.slice(0, 200));
  expect(clients).toHaveLength(1);
});

test('what the caller did not want sampled is not sent, and its cluster is told so', async () => {
  const { lab, upstreams, collected } = await scene({ a: whole });
  await (await lab.chat(asked, { headers: { traceparent: `00-${TRACE}-${CALLER}-00` } })).text();
  await lab.close(1_000);
  expect(collected.spans()).toEqual([]);
  expect(contextAt(upstreams['a'])).toEqual([expect.stringMatching(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`))]);
});

test('a context that is none begins a trace of its own, which the access log names', async () => {
  const accessLog = join(tempDir(), 'access.log');
  const { lab, upstreams, end } = await scene({ a: whole }, { accessLog });
  await (await lab.chat(asked, { headers: { traceparent: SECRET } })).text();
  const { server, clients } = await end();
  expect(contextAt(upstreams['a'])).toEqual([contextOf(clients[0] as Span)]);
  const record = JSON.parse(readFileSync(accessLog, 'utf8')) as RequestRecord;
  expect(record.traceId).toBe(server.traceId);
});

test('a collector that never answers does not keep the gateway', async () => {
  const silent = await collector(false);
  vi.stubEnv('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', `${silent.url}/v1/traces`);
  vi.stubEnv('OTEL_EXPORTER_OTLP_TIMEOUT', '600000');
  const { lab } = await plainScene({ a: whole });
  await (await lab.chat(asked)).text();
  await lab.close(1_000);
  expect(silent.bodies).toHaveLength(1);
}, 20_000);

test('a collector that refuses is told of once, and callers do not notice', async () => {
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', 'http://127.0.0.1:1');
  vi.stubEnv('OTEL_EXPORTER_OTLP_TIMEOUT', '100');
  vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '50');
  const { lab } = await plainScene({ a: whole });
  const told = (): unknown[] => lab.lines.filter(({ event }) => event === 'traces-fail');
  expect((await lab.chat(asked)).status).toBe(200);
  await eventually(() => told().length > 0, WAIT_MS);
  expect((await lab.chat(asked)).status).toBe(200);
  await lab.close(1_000);
  expect(told()).toHaveLength(1);
});

test.each<[string, (res: ServerResponse) => void]>([
  ['answers without end', endless],
  ['answers in damaged gzip', (res) => res.writeHead(200, { 'content-encoding': 'gzip' }).end('no gzip')],
  ['breaks off', (res) => res.socket?.resetAndDestroy()],
  ['answers what is no JSON', (res) => res.writeHead(200, { 'content-type': 'application/json' }).end('{"a":')],
  ['answers as an object may', (res) => res.end('{"partialSuccess":{"rejectedSpans":{"toString":0}}}')],
  ['wants a year', (res) => res.writeHead(503, { 'retry-after': '31536000' }).end()],
])(
  'a collector that %s costs no caller anything',
  async (_name, answer) => {
    const server = createServer((req, res) => void req.resume().on('end', () => answer(res)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    atEnd(() => {
      server.closeAllConnections();
      server.close();
    });
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    vi.stubEnv('OTEL_EXPORTER_OTLP_TIMEOUT', '500');
    vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '20');
    const asks = once(server, 'request');
    const { lab } = await plainScene({ a: whole });
    const before = faults.byPlace;
    expect((await lab.chat(asked)).status).toBe(200);
    await asks;
    for (let i = 0; i < 3; i++) expect((await lab.chat(asked)).status).toBe(200);
    await lab.close(1_000);
    expect(faults.byPlace).toEqual(before);
  },
  20_000,
);

function endless(res: ServerResponse): void {
  const piece = Buffer.alloc(64 * 1024, 'x');
  const timer = setInterval(() => res.write(piece), 1);
  res.once('close', () => clearInterval(timer));
}
