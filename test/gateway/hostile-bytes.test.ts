/** No bytes of a cluster or a caller end anything but their own request, and that one readably. */
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { fieldsOf, parseFields } from '../../src/domain/outside.js';
import { deepList, deepObject, HOSTILE_VALUES, hostileStreams, type StreamApi } from './hostile.js';
import { atEnd, gateway, service, stopAll, upstream, type Lab } from './kit.js';
import { answerAs, beginStream, delta, frame, role, sendJson, type Behaviour } from './upstream.js';

afterEach(stopAll);

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n';
const PATHS: Readonly<Record<StreamApi, string>> = { choices: '/v1/chat/completions', responses: '/v1/responses' };

/** Answers each request with the bytes that are set now, and closes. */
async function rawCluster(): Promise<{ readonly url: string; say(bytes: string): void }> {
  let answer = '';
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.once('data', () => socket.end(Buffer.from(HEAD + answer, 'latin1')));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, say: (bytes) => (answer = bytes) };
}

interface Heard {
  readonly status: number;
  readonly text: string;
  /** It broke without an end of its own. */
  readonly broken: boolean;
}

async function hear(answer: Response): Promise<Heard> {
  const reader = answer.body?.getReader();
  const decoder = new TextDecoder();
  let text = '';
  try {
    for (let read = await reader?.read(); read?.done === false; read = await reader?.read())
      text += decoder.decode(read.value, { stream: true });
    return { status: answer.status, text, broken: false };
  } catch {
    return { status: answer.status, text, broken: true };
  }
}

const asking = (lab: Lab, api: StreamApi): Promise<Response> =>
  lab.chat({ stream: true, input: 'x', messages: [{ role: 'user', content: 'x' }] }, { path: PATHS[api] });

/** Everybody has been given back his place, nothing was counted as a fault, and the next caller is served. */
async function expectAlive(lab: Lab): Promise<void> {
  const { clusters } = await lab.state();
  expect(Object.values(clusters).map(({ inFlight }) => inFlight)).toEqual(Object.keys(clusters).map(() => 0));
  expect(lab.lines.filter(({ event }) => event === 'gateway-fault')).toEqual([]);
}

describe.each(['choices', 'responses'] as const)('a stream of %s', (api) => {
  test('ends its own request only, as a first answer', async () => {
    const cluster = await rawCluster();
    const lab = await gateway([service({ a: cluster.url }, { a: 100 })]);
    for (const [name, bytes] of hostileStreams(api)) {
      cluster.say(bytes);
      const { status, text, broken } = await hear(await asking(lab, api));
      const readable = status === 200 || fieldsOf(fieldsOf(parseFields(text))['error'])['code'] !== undefined;
      expect([name, broken, readable]).toEqual([name, false, true]);
    }
    await expectAlive(lab);
  }, 30_000);
});

/** Each rest has a gateway of its own: one that breaks is soon not asked any more. */
const FOR_RESTS = ['an object without a text', 'a prototype', 'a huge number', 'an object 8,000 deep'];

const beginsAndDies: Behaviour = (_request, res) => {
  beginStream(res, frame(role) + frame(delta('one ')));
  setImmediate(() => res.destroy());
};

test('no rest of a continued stream ends more than its own request', async () => {
  const primary = await upstream(beginsAndDies);
  const other = await rawCluster();
  for (const [name, bytes] of hostileStreams('choices', FOR_RESTS)) {
    other.say(bytes);
    const lab = await gateway([service({ a: primary.url, b: other.url }, { a: 100, b: 0 })]);
    const { text, broken } = await hear(await asking(lab, 'choices'));
    const isWhole = text.includes('data: [DONE]');
    expect([name, broken, text.includes('one ')]).toEqual([name, false, true]);
    expect([name, isWhole !== text.includes('"type":"upstream_cut"')]).toEqual([name, true]);
    await expectAlive(lab);
    await lab.close(0);
  }
}, 60_000);

test('what cannot be read of a rest is never dropped without a word', async () => {
  const primary = await upstream(beginsAndDies);
  const other = await rawCluster();
  const lab = await gateway([service({ a: primary.url, b: other.url }, { a: 100, b: 0 })]);
  const end = frame({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });
  other.say(`data: {"choices":[{"index":0,"delta":{"content":"lost"},"x":${deepList()}}]}\n\n${end}`);
  const { text } = await hear(await asking(lab, 'choices'));
  expect(text).toContain('"reason":"unreadable"');
  expect(text).not.toContain('[DONE]');
});

describe('a caller alone', () => {
  const paths = ['/v1/chat/completions', '/v1/completions', '/v1/responses', '/v1/embeddings', '/v1/unknown'];
  const deep = [deepList(), deepObject(), `{"messages":${deepList()},"input":${deepList()},"prompt":${deepList()}}`];

  test.each(paths)('with a body 8,000 deep on %s is refused', async (path) => {
    const cluster = await upstream(answerAs('a'));
    const lab = await gateway([service({ a: cluster.url }, { a: 100 })]);
    for (const body of deep) {
      const answer = await fetch(lab.url + path, { method: 'POST', body });
      const { error } = (await answer.json()) as { error: { code: string; message: string } };
      expect([answer.status, error.code, error.message]).toEqual([
        400,
        'bad-input',
        expect.stringContaining('200 levels'),
      ]);
    }
    expect(cluster.requests).toEqual([]);
    await expectAlive(lab);
  });

  const fields = ['model', 'stream', 'n', 'messages', 'prompt', 'input', 'user', 'max_tokens', 'stop', 'tools'];
  const more = ['instructions', 'previous_response_id', 'store', 'conversation', 'stream_options', 'prompt_cache_key'];

  const answers: Behaviour = (request, res) => {
    if (request.url !== '/v1/responses') {
      answerAs('a')(request, res);
      return;
    }
    const response = { id: 'resp_1', status: 'completed', output: [] };
    if (!request.body.includes('"stream":true')) {
      sendJson(res, 200, response);
      return;
    }
    beginStream(res, frame({ type: 'response.completed', response }));
    res.end();
  };

  test.each(paths)(
    'with odd values in any field of %s is answered',
    async (path) => {
      const cluster = await upstream(answers);
      const settings = {
        conversations: { store: 'disk' as const, ttlMs: 60_000, bytesMax: 16 << 20, redisUrlEnv: 'X' },
      };
      const lab = await gateway([service({ a: cluster.url }, { a: 100 })], { settings });
      for (const field of [...fields, ...more])
        for (const value of Object.values(HOSTILE_VALUES)) {
          const rest = field === 'stream' ? '' : ',"stream":true';
          const answer = await fetch(lab.url + path, { method: 'POST', body: `{"${field}":${value}${rest}}` });
          const { status, broken } = await hear(answer);
          expect([field, value.slice(0, 40), broken, status < 500]).toEqual([field, value.slice(0, 40), false, true]);
        }
      await expectAlive(lab);
    },
    30_000,
  );
});

test('an answer in one piece that is 8,000 deep arrives as it is', async () => {
  const cluster = await upstream((_request, res) => {
    res.writeHead(200, { 'content-type': 'application/json' });
    res.end(deepObject());
  });
  const conversations = { store: 'disk' as const, ttlMs: 60_000, bytesMax: 16 << 20, redisUrlEnv: 'X' };
  const lab = await gateway([service({ a: cluster.url }, { a: 100 })], { settings: { conversations } });
  for (const path of ['/v1/chat/completions', '/v1/completions', '/v1/responses', '/v1/embeddings']) {
    const answer = await lab.chat({ input: 'x' }, { path });
    expect(await answer.text()).toBe(deepObject());
  }
  await expectAlive(lab);
});

test.each(Object.entries(HOSTILE_VALUES))(
  'an error that says %s in its fields is answered as an error',
  async (_n, value) => {
    const cluster = await upstream((_request, res) => {
      res.writeHead(500, { 'content-type': 'application/json' });
      res.end(`{"error":{"code":${value},"message":${value},"type":${value}}}`);
    });
    const lab = await gateway([service({ a: cluster.url }, { a: 100 })]);
    for (const stream of [true, false]) {
      const answer = await lab.chat({ stream });
      expect(answer.status).toBe(500);
      await answer.text();
    }
    cluster.behave((_request, res) => sendJson(res, 200, {}));
    expect((await lab.chat()).status).toBe(200);
  },
);
