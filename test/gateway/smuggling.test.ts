/** Raw bytes in, and what of them arrives at a cluster: one caller's bytes never become another request. */
import { afterEach, describe, expect, test } from 'vitest';
import { gateway, service, stopAll, type Lab } from './kit.js';
import { rawAnswer, sendRaw, startRawCluster, statusesOf, type RawCluster } from './raw.js';

let cluster: RawCluster | null = null;

afterEach(async () => {
  await stopAll();
  await cluster?.stop();
});

async function scene(prefix = ''): Promise<{ lab: Lab; cluster: RawCluster }> {
  cluster = await startRawCluster();
  return { lab: await gateway([service({ a: cluster.url + prefix }, { a: 100 })]), cluster };
}

const BODY = '{"model":"chat","messages":[]}';
const HIDDEN = 'POST /v1/smuggled HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}';
const post = (headers: string, body: string, target = '/v1/chat/completions'): string =>
  `POST ${target} HTTP/1.1\r\nHost: localhost\r\n${headers}${CLOSE}\r\n${body}`;
const CLOSE = 'Connection: close\r\n';
const length = (n: number): string => `Content-Length: ${n}\r\n`;
const chunked = (body: string, extension = ''): string =>
  `${body.length.toString(16)}${extension}\r\n${body}\r\n0\r\n\r\n`;
const TE = 'Transfer-Encoding: chunked\r\n';

test.each(['Authorization: Bearer a', 'Host: evil.example', 'Content-Type: text/plain'])(
  'at the admin API "%s" beside another one is refused, and nothing is changed',
  async (second) => {
    const { lab } = await scene();
    const [name = ''] = second.split(':');
    const first = name === 'Host' ? '' : `${name}: application/json\r\n`;
    const body = JSON.stringify({ epoch: 9, weights: { a: 100 } });
    const head = `PUT /routes/chat HTTP/1.1\r\nHost: localhost\r\n${first}${second}\r\n${length(body.length)}${CLOSE}`;
    expect(statusesOf(await sendRaw(lab.adminUrl, [`${head}\r\n${body}`]))).toEqual([400]);
    expect((await lab.state('chat')).epoch).toBe(0);
  },
);

describe('what is not plainly one request is refused, and nothing of it arrives', () => {
  test.each<[string, string]>([
    ['a length and chunks', post(length(5) + TE, `0\r\n\r\n${HIDDEN}`)],
    ['chunks and a length', post(TE + length(5), `0\r\n\r\n${HIDDEN}`)],
    ['two lengths', post(length(BODY.length) + length(BODY.length + HIDDEN.length), BODY + HIDDEN)],
    ['the same length twice', post(length(BODY.length) + length(BODY.length), BODY + HIDDEN)],
    ['a list of lengths', post(`Content-Length: ${BODY.length}, ${BODY.length}\r\n`, BODY + HIDDEN)],
    ['a length with a sign', post(`Content-Length: +${BODY.length}\r\n`, BODY + HIDDEN)],
    ['a negative length', post('Content-Length: -1\r\n', BODY + HIDDEN)],
    ['a hexadecimal length', post('Content-Length: 0x1e\r\n', BODY + HIDDEN)],
    ['a length beyond all numbers', post('Content-Length: 99999999999999999999999\r\n', BODY + HIDDEN)],
    ['an empty length', post('Content-Length: \r\n', HIDDEN)],
    ['a coding that is nearly chunked', post('Transfer-Encoding: xchunked\r\n', chunked(BODY) + HIDDEN)],
    ['chunks that are not the last coding', post('Transfer-Encoding: chunked, identity\r\n', chunked(BODY) + HIDDEN)],
    ['chunks twice', post(`${TE}Transfer-Encoding: identity\r\n`, chunked(BODY) + HIDDEN)],
    ['a space before the colon', post('Transfer-Encoding : chunked\r\n', chunked(BODY) + HIDDEN)],
    ['a length with a space before the colon', post(`Content-Length : ${BODY.length}\r\n`, BODY + HIDDEN)],
    ['a header without a name', post(`: x\r\n${length(BODY.length)}`, BODY)],
    ['a null byte in a value', post(`X-A: a\0b\r\n${length(BODY.length)}`, BODY)],
    ['a carriage return alone in a value', post(`X-A: a\rX-B: b\r\n${length(BODY.length)}`, BODY)],
    ['a line that begins with a space', `POST /v1/chat/completions HTTP/1.1\r\n Host: x\r\n${length(2)}\r\n{}`],
    ['a chunk size that is none', post(TE, `zz\r\n${BODY}\r\n0\r\n\r\n${HIDDEN}`)],
    ['a chunk size with 0x', post(TE, `0x1e\r\n${BODY}\r\n0\r\n\r\n${HIDDEN}`)],
    ['a chunk size with a sign', post(TE, `+1e\r\n${BODY}\r\n0\r\n\r\n${HIDDEN}`)],
    ['a chunk size beyond all numbers', post(TE, `fffffffffffffffff\r\n${BODY}\r\n0\r\n\r\n${HIDDEN}`)],
    ['a chunk that is longer than it says', post(TE, `2\r\n${BODY}\r\n0\r\n\r\n${HIDDEN}`)],
    ['an extension of a chunk that ends with a line feed alone', post(TE, `1e;a\n${BODY}\r\n0\r\n\r\n${HIDDEN}`)],
    ['lines that end with a carriage return alone', post(length(BODY.length), BODY).replaceAll('\r\n', '\r')],
    ['another protocol', 'POST /v1/chat/completions HTTQ/1.1\r\nHost: x\r\n\r\n'],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a space in the target', post(length(2), '{}', '/v1/chat completions')],
    ['two hosts', post(`Host: evil.example\r\n${length(BODY.length)}`, BODY)],
    ['two keys', post(`Authorization: Bearer a\r\nAuthorization: Bearer b\r\n${length(BODY.length)}`, BODY)],
    ['two types', post(`Content-Type: text/plain\r\ncontent-type: application/json\r\n${length(BODY.length)}`, BODY)],
    ['two services', post(`X-Understudy-Service: chat\r\nx-understudy-service: b\r\n${length(BODY.length)}`, BODY)],
    ['two origins', post(`Origin: http://localhost\r\nOrigin: http://localhost\r\n${length(BODY.length)}`, BODY)],
    ['no host', `POST /v1/chat/completions HTTP/1.1\r\n${length(BODY.length)}\r\n${BODY}`],
    ['a tunnel', 'CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: x\r\n\r\n'],
  ])('%s', async (_name, bytes) => {
    const { lab, cluster } = await scene();
    const statuses = statusesOf(await sendRaw(lab.url, [bytes]));
    expect(statuses.every((status) => status >= 400)).toBe(true);
    expect([cluster.arrived, cluster.garbage]).toEqual([[], []]);
    expect((await lab.chat()).status).toBe(200);
  });
});

describe('what is odd but one request arrives as one request', () => {
  test.each<[string, string]>([
    ['chunks', post(TE, chunked(BODY))],
    ['chunks with an extension', post(TE, chunked(BODY, ';a=b'))],
    ['chunks with trailers', post(`${TE}Trailer: X-Late\r\n`, chunked(BODY).replace(/\r\n$/, 'X-Late: 1\r\n\r\n'))],
    ['a value in two lines', post(`X-A: a\r\n GET /v1/smuggled HTTP/1.1\r\n${length(BODY.length)}`, BODY)],
    ['an upgrade', post(`Connection: Upgrade, X-Gone\r\nUpgrade: h2c\r\nX-Gone: 1\r\n${length(BODY.length)}`, BODY)],
    ['HTTP/1.0', post(length(BODY.length), BODY).replace('HTTP/1.1', 'HTTP/1.0')],
    ['lines that end with a line feed alone', post(length(BODY.length), BODY).replaceAll('\r\n', '\n')],
  ])('%s', async (_name, bytes) => {
    const { lab, cluster } = await scene();
    const statuses = statusesOf(await sendRaw(lab.url, [bytes]));
    expect(cluster.garbage).toEqual([]);
    if (statuses[0] !== 200) {
      expect(cluster.arrived, 'refused, which is right as well').toEqual([]);
      return;
    }
    expect(cluster.arrived).toHaveLength(1);
    expect(cluster.arrived[0]?.body).toBe(BODY.replace('"chat"', '"llama"'));
    expect(cluster.arrived[0]?.head).not.toMatch(
      /^(?:trailer|x-late|x-gone|upgrade|te|keep-alive|GET|POST \/v1\/smug)/im,
    );
  });

  test('a body that looks like a request is a body, and the request behind it another one', async () => {
    const { lab, cluster } = await scene();
    const inside = JSON.stringify({ model: 'chat', messages: [{ role: 'user', content: HIDDEN }] });
    const bytes = post(length(inside.length), inside).replace(CLOSE, '') + post(length(BODY.length), BODY);
    expect(statusesOf(await sendRaw(lab.url, [bytes]))).toEqual([200, 200]);
    expect(cluster.garbage).toEqual([]);
    expect(cluster.arrived.map((a) => a.head.split('\r\n')[0])).toEqual([
      'POST /v1/chat/completions HTTP/1.1',
      'POST /v1/chat/completions HTTP/1.1',
    ]);
    expect(cluster.arrived[0]?.body).toContain('POST /v1/smuggled');
  });
});

describe('a path stays within the API', () => {
  test.each([
    '/v1/../metrics',
    '/v1/./../metrics',
    '/v1/%2e%2e/metrics',
    '/v1/%2E./metrics',
    '/v1/..%2fmetrics',
    '/v1/..%5cmetrics',
    '/v1/..\\metrics',
    '/v1/%252e%252e/metrics',
    '/v1/..;/metrics',
    '/v1/models/..%2f..%2fmetrics',
    '/chat/v1/../../metrics',
    '/../v1/chat/completions',
    '//evil.example/v1/chat/completions',
    'http://evil.example/v1/chat/completions',
    'http://evil.example/admin',
    '*',
    '/metrics',
    '/state',
    '/v1/chat/completions#x',
    '/v1/chat/completions?a=b#x',
    '/v1/responses#',
    '/v1//chat/completions',
    '//v1/chat/completions',
    '/v1/chat//completions',
    '/v1\\chat\\completions',
    '/v1/chat%2Fcompletions',
    '/v1/chat/completions%3F',
    '/v1/chat/completions%23x',
    '/v1/chat/completions%00',
    '/v1/chat/completions%20',
    '/v1/chat/completions;x=1',
    '/v1/chat;x/completions',
    '/v1;x/chat/completions',
    '/v1/%2563hat/completions',
    '/v1/Chat/completions',
    '/v1/chat/Completions',
    '/V1/chat/completions',
    '/v1/RESPONSES',
    '/chat/v1/Chat/completions',
  ])('%s', async (target) => {
    const { lab, cluster } = await scene('/prefix');
    const statuses = statusesOf(await sendRaw(lab.url, [post(length(BODY.length), BODY, target)]));
    expect(statuses).toHaveLength(1);
    expect(statuses[0]).toBeGreaterThanOrEqual(400);
    expect([cluster.arrived, cluster.garbage]).toEqual([[], []]);
  });

  test.each([
    ['/v1/files/a.b..c', '/prefix/v1/files/a.b..c'],
    ['/v1/files/a%2Fb?x=../y', '/prefix/v1/files/a%2Fb?x=../y'],
    ['/chat/v1/files/%E6%BC%A2', '/prefix/v1/files/%E6%BC%A2'],
    ['/v1/engines/Qwen%2FQwen3', '/prefix/v1/engines/Qwen%2FQwen3'],
    ['/v1/score', '/prefix/v1/score'],
  ])('%s arrives as it is', async (target, arrives) => {
    const { lab, cluster } = await scene('/prefix');
    await sendRaw(lab.url, [post(length(BODY.length), BODY, target)]);
    expect(cluster.arrived[0]?.head.split(' ')[1]).toBe(arrives);
  });
});

test.each([
  '/v1/%63hat/completions',
  '/v1/%63%68%61%74/%63ompletions',
  '/v1/chat/completions/',
  '/chat/v1/chat/completion%73/',
])('%s is chat, is read as chat and arrives as chat', async (target) => {
  const { lab, cluster } = await scene('/prefix');
  await sendRaw(lab.url, [post(length(BODY.length), BODY, target)]);
  expect(cluster.arrived[0]?.head.split(' ')[1]).toBe('/prefix/v1/chat/completions');
  expect(cluster.arrived[0]?.body).toBe(BODY.replace('"chat"', '"llama"'));
});

describe('headers of one connection end there', () => {
  const HOP =
    'Keep-Alive: timeout=5\r\nProxy-Authorization: Basic x\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\n';

  test('on the way to the cluster, those that `Connection` names too', async () => {
    const { lab, cluster } = await scene();
    const own =
      'Connection: close, X-Secret\r\nX-Secret: 1\r\nX-Kept: 2\r\nHost: localhost\r\nAuthorization: Bearer k\r\n';
    await sendRaw(lab.url, [`POST /v1/embeddings HTTP/1.1\r\n${own}${HOP}${length(BODY.length)}\r\n${BODY}`]);
    const head = cluster.arrived[0]?.head ?? '';
    expect(head).not.toMatch(/^(?:x-secret|keep-alive|proxy-|te:|x-understudy)/im);
    expect(head).toMatch(/^x-kept: 2$/im);
    expect(head).toMatch(/^authorization: Bearer k$/im);
    expect([...head.matchAll(/^host: (.*)$/gim)].map((m) => m[1])).toEqual([new URL(cluster.url).host]);
  });

  test.each([
    'Forwarded: for=6.6.6.6',
    'X-Forwarded-For: 6.6.6.6',
    'X-Forwarded-Host: evil.example',
    'X-Forwarded-Prefix: /admin',
    'X-Real-IP: 6.6.6.6',
    'X-Original-URL: /admin',
    'X-Rewrite-URL: /admin',
    'X-HTTP-Method-Override: DELETE',
    'x_forwarded_for: 6.6.6.6',
    'X-Understudy-Cluster: b',
  ])('what only a proxy may say of a caller reaches no cluster: %s', async (header) => {
    const { lab, cluster } = await scene();
    await sendRaw(lab.url, [post(`${header}\r\n${length(BODY.length)}`, BODY)]);
    expect(cluster.arrived).toHaveLength(1);
    expect(cluster.arrived[0]?.head.toLowerCase()).not.toContain(`${(header.split(':')[0] ?? '').toLowerCase()}:`);
  });

  test('on the way to the caller', async () => {
    const { lab, cluster } = await scene();
    const hop =
      'Connection: keep-alive, X-Inner\r\nX-Inner: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\n';
    cluster.answer = () => rawAnswer('{}', `${hop}Trailer: X-Late\r\nUpgrade: h2c\r\nX-Outer: 2\r\n`);
    const answer = await sendRaw(lab.url, [post(length(BODY.length), BODY)]);
    expect(answer).not.toMatch(/^(?:x-inner|keep-alive|proxy-authenticate|trailer|upgrade):/im);
    expect(answer).toMatch(/^x-outer: 2$/im);
  });
});

describe('a cluster that says more than its answer', () => {
  const POISON = rawAnswer('{"text":"of somebody else"}');

  test.each<[string, string]>([
    ['a second answer', rawAnswer('{"text":"own"}') + POISON],
    ['more bytes than it announced', rawAnswer('{"text":"own"}') + '{"text":"of somebody else"}'],
    [
      'a length and chunks',
      `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\ne\r\n{"text":"own"}\r\n0\r\n\r\n${POISON}`,
    ],
    ['two lengths', rawAnswer('{"text":"own"}', 'content-length: 3\r\n') + POISON],
  ])('%s: the next caller does not get it', async (_name, bytes) => {
    const { lab, cluster } = await scene();
    cluster.answer = () => bytes;
    const first = await (await lab.chat()).text();
    cluster.answer = () => rawAnswer('{"text":"next"}');
    for (let i = 0; i < 5; i++) {
      const next = await (await lab.chat()).text();
      expect(next).not.toContain('somebody else');
      expect([200, 502]).toContain((await lab.chat()).status);
    }
    expect(first).not.toContain('somebody else');
  });
});
