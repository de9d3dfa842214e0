import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CodedError } from '../../src/domain/errors.js';
import { NOTHING_DELIVERED, type Delivered } from '../../src/domain/story.js';
import { openWebhook } from '../../src/notify/webhook.js';
import { answerGarbled } from '../kit/slack-stub.js';
import { sampleLine, sampleView } from '../kit/story-samples.js';

const SECRET = 'a-signing-secret';
interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
let server: Server;
let received: Received[];
let reply: (response: ServerResponse) => void;
let url: string;

beforeEach(async () => {
  received = [];
  reply = (response) => response.writeHead(204).end();
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      received.push({ headers: request.headers, body });
      reply(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks/a-secret-path`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
});

const options = { maybe: false, progress: (): void => undefined };
const publish = async (
  from: Delivered = NOTHING_DELIVERED,
  progress: (delivered: Delivered) => void = () => undefined,
) => await openWebhook({ url, secret: SECRET }).publish(sampleView(), from, { ...options, progress });

async function failure(): Promise<CodedError> {
  const error: unknown = await publish().then(
    () => null,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(CodedError);
  return error as CodedError;
}

test('every line is one POST, in order, with the whole head', async () => {
  const delivered = await publish();
  expect(delivered.lines).toEqual(['1', '2']);
  const bodies = received.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
  expect(bodies.map((body) => body['key'])).toEqual(['1', '2']);
  expect(Object.keys(bodies[0] ?? {})).toEqual(['id', 'story', 'key', 'at', 'head', 'line']);
  expect(bodies[0]).toMatchObject({
    story: 'story/move/chat/7',
    head: { state: 'shifting 25 %' },
    line: { text: 'line 1' },
  });
});

test('a receiver can check who sent it and when', async () => {
  await publish();
  for (const { headers, body } of received) {
    const timestamp = String(headers['x-understudy-timestamp']);
    const expected = createHmac('sha256', SECRET).update(`${timestamp}.${body}`).digest('hex');
    expect(headers['x-understudy-signature']).toBe(`v1=${expected}`);
    expect(Math.abs(Number(timestamp) - Date.now() / 1_000)).toBeLessThan(10);
  }
});

test('a line that is sent again has the same idempotency key, another line another one', async () => {
  await publish();
  await publish();
  const keys = received.map(({ headers }) => headers['idempotency-key']);
  expect(keys.slice(2)).toEqual(keys.slice(0, 2));
  expect(new Set(keys).size).toBe(2);
});

test('what was delivered is not sent again', async () => {
  await publish(await publish());
  expect(received).toHaveLength(2);
});

test('a failure in the middle keeps what was delivered before it', async () => {
  let last = NOTHING_DELIVERED;
  reply = (response) => response.writeHead(received.length === 2 ? 500 : 200).end();
  await expect(publish(last, (delivered) => (last = delivered))).rejects.toThrow(CodedError);
  expect(last.lines).toEqual(['1']);
  await publish(last);
  expect(received.map(({ body }) => (JSON.parse(body) as { key: string }).key)).toEqual(['1', '2', '2']);
});

test.each([
  [500, {}, 'notifier-unreachable', undefined],
  [301, { location: '/elsewhere' }, 'notifier-unreachable', undefined],
  [503, {}, 'notifier-unreachable', undefined],
  [401, {}, 'notifier-unreachable', 30_000],
  [404, {}, 'notifier-unreachable', 30_000],
  [429, { 'retry-after': '3' }, 'rate-limited', 3_000],
  [429, {}, 'rate-limited', 30_000],
  [429, { 'retry-after': '-1' }, 'rate-limited', 30_000],
  [429, { 'retry-after': '999999' }, 'rate-limited', 600_000],
  [503, { 'retry-after': '5' }, 'rate-limited', 5_000],
])('HTTP %i %j is %s, to be tried again after %s ms', async (status, headers, code, retryAfterMs) => {
  reply = (response) => response.writeHead(status, headers).end('an answer of any length'.repeat(1_000));
  expect(await failure()).toMatchObject({ code, retryAfterMs });
  expect(received).toHaveLength(1);
});

test('an error names the host, but neither the path nor the secret', async () => {
  reply = (response) => response.writeHead(401).end();
  const refused = await failure();
  server.closeAllConnections();
  reply = (response) => response.destroy();
  for (const error of [refused, await failure()]) {
    expect(error.message).toContain(`webhook 127.0.0.1:`);
    for (let layer: unknown = error; layer instanceof Error; layer = layer.cause) {
      expect(`${layer.message}${layer.stack}${JSON.stringify(layer)}`).not.toMatch(/a-secret-path|a-signing-secret/u);
    }
  }
});

test('a receiver that never answers costs five seconds', async () => {
  reply = () => undefined;
  const begin = Date.now();
  expect((await failure()).message).toContain('timeout after 5 s');
  expect(Date.now() - begin).toBeLessThan(8_000);
});

test('a receiver whose answer never ends costs nothing', async () => {
  reply = (response) => response.writeHead(200).write('and so on');
  const view = sampleView({ lines: [sampleLine('1')] });
  const begin = Date.now();
  await openWebhook({ url, secret: SECRET }).publish(view, NOTHING_DELIVERED, options);
  expect(Date.now() - begin).toBeLessThan(4_000);
});

test('a receiver whose answer is compressed and damaged costs no more than its limit', async () => {
  reply = answerGarbled;
  const begin = Date.now();
  expect((await failure()).message).toContain('answered HTTP 499');
  expect(Date.now() - begin).toBeLessThan(8_000);
});
