import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '../kit/eventually.js';
import { gateway, service, stopAll, upstream } from './kit.js';
import { answerAs, beginStream, delta, finish, frame } from './upstream.js';

afterEach(stopAll);

describe('the service', () => {
  const two = async (): Promise<Awaited<ReturnType<typeof gateway>>> => {
    const a = await upstream(answerAs('a'));
    const b = await upstream(answerAs('b'));
    const other = { ...service({ b: `${b.url}/deep/` }, { b: 100 }), service: 'other' };
    return await gateway([
      service({ a: a.url }, { a: 100 }),
      { ...other, members: other.members.map((m) => ({ ...m, model: 'mistral' })) },
    ]);
  };

  test.each<[string, string, object, Record<string, string>, string | number]>([
    ['by its name as the model', '/v1/chat/completions', { model: 'other' }, {}, 'b'],
    ['by the model that its clusters serve', '/v1/completions', { model: 'mistral' }, {}, 'b'],
    ['by path', '/other/v1/responses', { model: 'chat' }, {}, 'b'],
    [
      'by header, which beats the path',
      '/chat/v1/embeddings',
      { model: 'chat' },
      { 'x-understudy-service': 'other' },
      'b',
    ],
    ['by path on any other part of the API', '/chat/v1/rerank', {}, {}, 'a'],
    ['by an unknown model is nobody', '/v1/chat/completions', { model: 'gpt-9' }, {}, 404],
    ['by an unknown path is nobody', '/nope/v1/chat/completions', { model: 'chat' }, {}, 404],
    ['by nothing, of two, is nobody', '/v1/rerank', {}, {}, 404],
  ])('%s', async (...[, path, body, headers, expected]) => {
    const lab = await two();
    const sent = {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    };
    const answer = await fetch(lab.url + path, sent);
    if (typeof expected === 'string') expect(answer.headers.get('x-understudy-cluster')).toBe(expected);
    else {
      expect(answer.status).toBe(expected);
      const { error } = (await answer.json()) as { error: { message: string } };
      expect(error).toMatchObject({ type: 'invalid_request_error', code: 'unknown-service' });
      expect(error.message).toContain('chat, other');
    }
  });

  test('lists all models, asking no cluster', async () => {
    const lab = await two();
    const list = (await (await fetch(`${lab.url}/v1/models`)).json()) as { data: { id: string }[] };
    expect(list.data.map((m) => m.id)).toEqual(['chat', 'llama', 'other', 'mistral']);
    expect((await fetch(`${lab.url}/v1/models/llama`)).status).toBe(200);
    expect((await fetch(`${lab.url}/v1/models/none`)).status).toBe(404);
    expect((await fetch(`${lab.url}/readyz`)).status).toBe(200);
    expect((await fetch(`${lab.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${lab.url}/elsewhere`)).status).toBe(404);
  });
});

test('a trace goes on through the gateway untouched, and so does what else the caller says of itself', async () => {
  const a = await upstream(answerAs('a'));
  const lab = await gateway([service({ a: a.url }, { a: 100 })]);
  const headers = {
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    tracestate: 'vendor=value,other=1',
    baggage: 'tenant=7',
  };
  await lab.chat({}, { headers });
  expect(a.requests[0]?.headers).toMatchObject(headers);
});

test('the cluster gets its own model id and nothing else changes; hop-by-hop headers stay behind', async () => {
  const a = await upstream(answerAs('a'));
  const lab = await gateway([service({ a: `${a.url}/base` }, { a: 100 })]);
  const body =
    '{ "seed": 12345678901234567890, "model" : "chat", "messages": [{"content":"say \\"model\\": \\"chat\\" 漢"}] }';
  await fetch(`${lab.url}/v1/chat/completions?x=1`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: 'Bearer k',
      te: 'trailers',
      'x-understudy-service': 'chat',
    },
    body,
  });
  expect(a.requests[0]?.body).toBe(body.replace('"model" : "chat"', '"model" : "llama"'));
  expect(a.requests[0]?.url).toBe('/base/v1/chat/completions?x=1');
  expect(a.requests[0]?.headers).toMatchObject({ authorization: 'Bearer k' });
  for (const name of ['te', 'x-understudy-service', 'accept-encoding'])
    expect(a.requests[0]?.headers).not.toHaveProperty(name);
  const adapter = '{"model":"my-adapter","tools":[{"model":"chat"}]}';
  await fetch(`${lab.url}/chat/v1/chat/completions`, {
    method: 'POST',
    body: adapter,
    headers: { 'content-type': 'application/json' },
  });
  expect(a.requests[1]?.body).toBe(adapter);
  const nested = '{"tools":[{"model":"x"}],"model":"chat"}';
  await fetch(`${lab.url}/v1/chat/completions`, {
    method: 'POST',
    body: nested,
    headers: { 'content-type': 'application/json' },
  });
  expect(JSON.parse(a.requests[2]?.body ?? '')).toEqual({ tools: [{ model: 'x' }], model: 'llama' });
});

test('a conversation stays on its cluster, and a weight change moves only some', async () => {
  const a = await upstream(answerAs('a'));
  const b = await upstream(answerAs('b'));
  const lab = await gateway([service({ a: a.url, b: b.url }, { a: 50, b: 50 })]);
  const homes = async (): Promise<(string | null)[]> =>
    await Promise.all(
      Array.from({ length: 60 }, async (_, i) =>
        (await lab.chat({}, { headers: { 'x-conversation-id': `c${i}` } })).headers.get('x-understudy-cluster'),
      ),
    );
  const first = await homes();
  expect(await homes()).toEqual(first);
  await lab.admin('PUT', '/routes/chat', { epoch: 1, weights: { a: 40, b: 60 } });
  (await homes()).forEach((home, i) => {
    if (first[i] === 'b') expect(home).toBe('b');
  });
  const byUser = new Set(
    await Promise.all(
      Array.from({ length: 10 }, async () => (await lab.chat({ user: 'u1' })).headers.get('x-understudy-cluster')),
    ),
  );
  expect(byUser.size).toBe(1);
});

describe('what cannot be served is refused before any cluster sees it', () => {
  test('malformed JSON, an unknown encoding, a body that is too large', async () => {
    const a = await upstream(answerAs('a'));
    const lab = await gateway([service({ a: a.url }, { a: 100 })], { settings: { bodyBytesMax: 1_000 } });
    const post = async (body: string, headers: Record<string, string> = {}): Promise<Response> =>
      await fetch(`${lab.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body,
      });
    for (const [answer, status] of [
      [await post('{"model":'), 400],
      [await post('x', { 'content-encoding': 'gzip' }), 415],
      [await post(' '.repeat(5_000)), 413],
    ] as const) {
      expect(answer.status).toBe(status);
      expect(await answer.json()).toMatchObject({ error: { type: 'invalid_request_error' } });
    }
    expect(a.requests).toHaveLength(0);
  });

  test('a body without a declared length is bounded too', async () => {
    const a = await upstream(answerAs('a'));
    const lab = await gateway([service({ a: a.url }, { a: 100 })], { settings: { bodyBytesMax: 1_000 } });
    expect(
      await raw(
        lab.url,
        `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n7d0\r\n${' '.repeat(2_000)}\r\n`,
      ),
    ).toContain('413');
    expect(await raw(lab.url, 'nonsense\r\n\r\n')).toMatch(/^HTTP\/1.1 400[\s\S]*"error"/);
    expect(await raw(lab.url, `GET / HTTP/1.1\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`)).toContain('431');
    expect((await lab.chat()).status).toBe(200);
  });

  test('when no cluster may be used: 503, and when to come back', async () => {
    const lab = await gateway([service({ a: 'http://127.0.0.1:1' }, { a: 100 })]);
    const answer = await lab.chat();
    expect(answer.status).toBe(502);
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(await answer.json()).toMatchObject({ error: { code: 'cluster-failed' } });
  });
});

test('closing lets what runs come to its end, and tells what outlives the grace', async () => {
  let finishStream = (): void => undefined;
  const a = await upstream((request, res) => {
    beginStream(res, frame(delta('a')));
    if (request.body.includes('finish-me')) finishStream = () => res.end(frame(finish('stop')) + frame('[DONE]'));
  });
  const lab = await gateway([service({ a: a.url }, { a: 100 })]);
  const good = await lab.chat({ stream: true, user: 'finish-me' });
  const stuck = await lab.chat({ stream: true });
  const text = good.text();
  const cut = stuck.text();
  const closed = lab.close(1_000);
  await eventually(
    async () =>
      await fetch(`${lab.url}/healthz`).then(
        () => false,
        () => true,
      ),
    2_000,
  );
  finishStream();
  expect(await text).toContain('[DONE]');
  await closed;
  expect(await cut).toContain('stream-cut');
});

async function raw(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return await new Promise((resolve, reject) => {
    let seen = '';
    const socket = connect(Number(port), hostname, () => socket.write(text));
    socket.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    socket.on('close', () => resolve(seen));
    socket.on('error', reject);
  });
}
