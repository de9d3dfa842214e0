/** Heads of answers as callers get them, read from the wire: a length that holds, and nothing of where a cluster lives. */
import { afterEach, describe, expect, test } from 'vitest';
import { gateway, service, stopAll, type Lab } from './kit.js';
import { sendRaw, startRawCluster, type RawCluster } from './raw.js';

let cluster: RawCluster | null = null;
afterEach(async () => {
  await stopAll();
  await cluster?.stop();
});

async function scene(prefix = ''): Promise<{ lab: Lab; cluster: RawCluster }> {
  cluster = await startRawCluster();
  const conversations = { store: 'disk', ttlMs: 60_000, bytesMax: 16 << 20, redisUrlEnv: 'REDIS' } as const;
  const lab = await gateway([service({ a: cluster.url + prefix }, { a: 100 })], { settings: { conversations } });
  return { lab, cluster };
}

const asked = (path: string, body: object, headers = ''): string => {
  const text = JSON.stringify(body);
  return `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${headers}content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
};
const answered = (body: string, headers: string, length = `content-length: ${Buffer.byteLength(body, 'latin1')}\r\n`) =>
  `HTTP/1.1 200 OK\r\n${headers}${length}\r\n${body}`;
const JSON_TYPE = 'content-type: application/json\r\n';

interface ReadAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** What one strict reader takes out of the bytes of a connection; throws for what is no answer. */
function readAnswers(bytes: string): ReadAnswer[] {
  const answers: ReadAnswer[] = [];
  for (let rest = bytes; rest !== '';) {
    const end = rest.indexOf('\r\n\r\n');
    const head = rest.slice(0, end);
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1];
    if (end < 0 || status === undefined) throw new Error(`no answer begins with ${JSON.stringify(rest.slice(0, 80))}`);
    let at = end + 4;
    let body: string;
    const length = /^content-length: (\d+)$/im.exec(head)?.[1];
    if (/^transfer-encoding: chunked$/im.test(head)) [body, at] = readChunks(rest, at);
    else if (length === undefined) throw new Error('nothing says where the body ends');
    else {
      body = rest.slice(at, at + Number(length));
      at += Number(length);
      if (body.length < Number(length)) throw new Error('the body is shorter than it says');
    }
    answers.push({ status: Number(status), head, body });
    rest = rest.slice(at);
  }
  return answers;
}

function readChunks(bytes: string, from: number): [string, number] {
  const pieces: string[] = [];
  for (let at = from; ;) {
    const [line = '', size = ''] = /^([0-9a-f]+)\r\n/i.exec(bytes.slice(at, at + 12)) ?? [];
    if (size === '') throw new Error('a chunk without its size');
    const length = Number.parseInt(size, 16);
    pieces.push(bytes.slice(at + line.length, at + line.length + length));
    at += line.length + length + 2;
    if (length === 0) return [pieces.join(''), at];
  }
}

/** Longer than what is collected. */
const FILL = 'é漢x'.repeat(2_200_000);
const bytesOf = (text: string): string => Buffer.from(text).toString('latin1');

describe('an answer that is rewritten says its own length, and the next caller on the connection gets his own', () => {
  const turn = (id: string): string => `{"id":"${id}","status":"completed","previous_response_id":null,"output":[]}`;
  const EVENT = `event: response.completed\ndata: {"type":"response.completed","response":${turn('r2')}}\n\n`;

  test.each<[string, string, string]>([
    ['JSON', turn('r2'), JSON_TYPE],
    ['JSON in capitals', turn('r2'), 'Content-Type: Application/JSON; charset=UTF-8\r\n'],
    ['JSON that says no type', turn('r2'), ''],
    ['JSON that says a binary type', turn('r2'), 'content-type: application/octet-stream\r\n'],
    ['JSON that says it is compressed', turn('r2'), `${JSON_TYPE}content-encoding: gzip\r\n`],
    ['JSON of a later kind', turn('r2'), 'content-type: application/vnd.api+json\r\n'],
    ['events', EVENT, 'content-type: text/event-stream\r\n'],
    ['events in capitals', EVENT, 'content-type: Text/Event-Stream\r\n'],
    ['more than is collected', bytesOf(`{"fill":"${FILL}",${turn('r2').slice(1)}`), JSON_TYPE],
    ['more than is collected, the id first', bytesOf(`${turn('r2').slice(0, -1)},"fill":"${FILL}"}`), JSON_TYPE],
  ])('%s', async (_name, body, headers) => {
    const { lab, cluster } = await scene();
    cluster.answer = () => answered(turn('r1'), JSON_TYPE);
    await sendRaw(lab.url, [asked('/v1/responses', { model: 'chat', input: 'a' }, 'connection: close\r\n')]);
    cluster.answer = ({ body: of }) =>
      of.includes('NEXT') ? answered('{"next":1}', JSON_TYPE) : answered(body, `etag: "x"\r\ndigest: y\r\n${headers}`);
    const stream = headers.toLowerCase().includes('event-stream');
    const answers = readAnswers(
      await sendRaw(lab.url, [
        asked('/v1/responses', { model: 'chat', input: 'b', previous_response_id: 'r1', stream }),
        asked(
          '/v1/chat/completions',
          { model: 'chat', messages: [{ role: 'user', content: 'NEXT' }] },
          'connection: close\r\n',
        ),
      ]),
    );
    expect(answers).toHaveLength(2);
    const [own, next] = answers;
    expect(next?.body).toBe('{"next":1}');
    const isPassed = /octet-stream|gzip/.test(headers);
    const expected = isPassed ? body : body.replace('_id":null', '_id":"r1"');
    expect(own?.body.length).toBe(expected.length);
    expect(own?.body === expected).toBe(true);
    expect(/^(?:etag|digest):/im.test(own?.head ?? '')).toBe(isPassed);
  });

  test('ids of tokens that nobody asked for', async () => {
    const { lab, cluster } = await scene();
    const body =
      'data: {"id":"c","choices":[{"index":0,"delta":{"content":"a"},"token_ids":[1,2,3],"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';
    cluster.answer = () => answered(body, 'content-type: text/event-stream\r\n');
    const ask = asked('/v1/chat/completions', { model: 'chat', messages: [], stream: true });
    const answers = readAnswers(await sendRaw(lab.url, [ask, ask.replace('\r\n', '\r\nconnection: close\r\n')]));
    expect(answers.map((a) => a.body.endsWith('[DONE]\n\n'))).toEqual([true, true]);
  });
});

test.each(['/v1/responses', '/v1/embeddings'])('trailers of an answer of %s reach nobody', async (path) => {
  const { lab, cluster } = await scene();
  const body = '{"id":"r1","status":"completed","previous_response_id":null,"output":[]}';
  const chunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\nContent-Length: 3\r\nX-Late: HTTP/1.1 200 OK\r\n\r\n`;
  cluster.answer = ({ body: of }) =>
    of.includes('NEXT')
      ? answered('{"next":1}', JSON_TYPE)
      : `HTTP/1.1 200 OK\r\n${JSON_TYPE}trailer: x-late\r\ntransfer-encoding: chunked\r\n\r\n${chunks}`;
  const next = asked('/v1/embeddings', { model: 'chat', input: 'NEXT' }, 'connection: close\r\n');
  const bytes = await sendRaw(lab.url, [asked(path, { model: 'chat', input: 'a' }), next]);
  expect(readAnswers(bytes)).toMatchObject([{ body }, { body: '{"next":1}' }]);
  expect(bytes).not.toMatch(/x-late/i);
});

describe('what passes byte for byte keeps what describes its bytes', () => {
  test.each<[string, string]>([
    ['JSON', JSON_TYPE],
    ['audio', 'content-type: audio/mpeg\r\n'],
  ])('%s', async (_name, type) => {
    const { lab, cluster } = await scene();
    cluster.answer = () => answered('{"a":1}', `${type}etag: "x"\r\ncontent-range: bytes 0-6/7\r\n`);
    const ask = asked('/v1/embeddings', { model: 'chat' }, 'connection: close\r\n');
    const [answer] = readAnswers(await sendRaw(lab.url, [ask]));
    expect(answer?.head).toMatch(/^etag: "x"$/im);
    expect(answer?.head).toMatch(/^content-length: 7$/im);
    expect(answer?.body).toBe('{"a":1}');
  });

  test('an answer without a body has none, and no length that a reader could wait for', async () => {
    const { lab, cluster } = await scene();
    const ask = asked('/v1/embeddings', { model: 'chat' });
    for (const head of ['204 No Content', '304 Not Modified']) {
      cluster.answer = ({ body }) =>
        body.includes('NEXT') ? answered('{"next":1}', JSON_TYPE) : `HTTP/1.1 ${head}\r\ncontent-length: 40\r\n\r\n`;
      const next = asked('/v1/embeddings', { model: 'chat', input: 'NEXT' }, 'connection: close\r\n');
      const bytes = await sendRaw(lab.url, [ask, next]);
      expect(bytes).toMatch(new RegExp(`^HTTP/1.1 ${head.slice(0, 3)}`));
      expect(readAnswers(bytes.slice(bytes.indexOf('\r\n\r\n') + 4))).toMatchObject([{ body: '{"next":1}' }]);
      expect(bytes.slice(0, bytes.indexOf('\r\n\r\n'))).not.toMatch(/content-length/i);
    }
  });
});

describe('nothing in a head says where a cluster lives', () => {
  const head = async (headers: string, prefix = ''): Promise<string> => {
    const { lab, cluster } = await scene(prefix);
    const { host } = new URL(cluster.url);
    cluster.answer = () => answered('{}', JSON_TYPE + headers.replaceAll('HOST', host));
    const ask = asked('/v1/embeddings', { model: 'chat' }, 'connection: close\r\n');
    const [answer] = readAnswers(await sendRaw(lab.url, [ask]));
    expect(answer?.head).not.toContain(host);
    return answer?.head ?? '';
  };

  test.each<[string, string]>([
    ['server', 'Server: nginx/1.2 (inner-7)'],
    ['via', 'Via: 1.1 inner-7'],
    ['its own address', 'X-Any: HOST'],
    ['another address', 'X-Any: 10.0.0.7:8000'],
    ['an address of IPv6', 'X-Any: [fd00::7]:8000'],
    ['a URL', 'X-Any: http://inner-7/v1'],
    ['who served it', 'X-Served-By: inner-7'],
    ['a backend', 'X-Backend-Server: inner-7'],
    ['an upstream', 'X-Upstream: inner-7'],
    ['envoy', 'X-Envoy-Upstream-Service-Time: 7'],
    ['a pod', 'X-Pod-Name: inner-7'],
    ['who was forwarded for', 'X-Forwarded-Host: inner-7'],
    ['a cookie that keeps to a server', 'Set-Cookie: SERVERID=inner-7'],
    ['a link', 'Link: </inner-7>; rel=next'],
    ['an alternative', 'Alt-Svc: h2="inner-7:443"'],
    ['a place of the content', 'Content-Location: /inner-7'],
    ['a redirect elsewhere', 'Location: http://inner-7/v1/models'],
    ['a redirect to a page that is no API', 'Location: /admin'],
    ['a redirect by its own clock', 'Refresh: 0; url=/inner-7'],
    ['CORS, which is not its to allow', 'Access-Control-Allow-Origin: *'],
    ['words of ours', 'X-Understudy-Anything: inner-7'],
  ])('%s', async (_name, header) => {
    const name = (header.split(':')[0] ?? '').toLowerCase();
    expect(await head(`${header}\r\n`)).not.toMatch(new RegExp(`^${name}:`, 'im'));
  });

  test.each<[string, string, string]>([
    ['a path', 'Location: /v1/files/7?x=1', '/v1/files/7?x=1'],
    ['a URL of its own', 'Location: http://HOST/v1/files/7', '/v1/files/7'],
    ['a URL below its prefix', 'Location: http://HOST/inner/v1/files/7', '/v1/files/7'],
  ])('a redirect by %s leads through the gateway', async (_name, header, leads) => {
    const location = /^location: (.*)$/im.exec(await head(`${header}\r\n`, header.includes('/inner') ? '/inner' : ''));
    expect(location?.[1]?.trim()).toBe(leads);
  });

  test('what names no place goes on', async () => {
    const seen = await head('X-Request-Id: 7\r\nX-Ratelimit-Remaining-Requests: 7\r\nX-Any: 7\r\nRetry-After: 7\r\n');
    for (const name of [
      'x-request-id',
      'x-ratelimit-remaining-requests',
      'x-any',
      'retry-after',
      'x-understudy-cluster',
    ])
      expect(seen).toMatch(new RegExp(`^${name}:`, 'im'));
  });
});
