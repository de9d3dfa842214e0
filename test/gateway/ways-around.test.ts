/** Odd methods and content types are no way around a check, and errors name no place. */
import type { Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { gateway, service, stopAll, upstream, type Lab } from './kit.js';
import { sendRaw, statusesOf } from './raw.js';
import { answerAs, beginStream } from './upstream.js';

afterEach(stopAll);

test.each([
  ...['TRACE', 'OPTIONS', 'PROPFIND', 'SEARCH', 'GET', 'PUT', 'DELETE'].map((method) => [
    method,
    '/v1/chat/completions',
  ]),
  ['DELETE', '/v1/models/llama'],
  ['POST', '/v1/models'],
  ['PUT', '/v1/completions?x=1'],
  ['GET', '/chat/v1/embeddings'],
  ['PATCH', '/v1/responses/r1'],
  ['DELETE', '/v1/responses'],
  ['GET', '/v1/audio/speech'],
  ['TRACE', '/v1/unknown'],
])('%s %s reaches no cluster', async (method, path) => {
  const a = await upstream(answerAs('a'));
  const lab = await gateway([service({ a: a.url }, { a: 100 })]);
  const answer = await sendRaw(lab.url, [`${method} ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`]);
  expect(statusesOf(answer)).toEqual([405]);
  expect(answer).toMatch(/^allow: [A-Z]/im);
  expect(a.requests).toEqual([]);
});

test.each([
  '/v1/load_lora_adapter',
  '/v1/unload_lora_adapter',
  '/v1/%6coad_lora_adapter',
  '/v1/load_lora_adapter/',
  '/chat/v1/load_lora_adapter?x=1',
  '/v1/models/load',
  '/v1/models/unload',
  '/v1/loads',
  '/v1/internal/model/load',
  '/v1/cluster/info',
  '/v1/reset_prefix_cache',
  '/v1/update_weights_from_disk',
  '/v1/metrics',
])('%s is for operators, and reaches no cluster', async (path) => {
  const a = await upstream(answerAs('a'));
  const lab = await gateway([service({ a: a.url }, { a: 100 })]);
  const answer = await lab.chat({ lora_name: 'x', lora_path: '/tmp/x' }, { path });
  expect(answer.status).toBe(403);
  expect(await answer.json()).toMatchObject({ error: { code: 'of-operators' } });
  expect(a.requests).toEqual([]);
});

test('a path that is not known here goes to the cluster, and HEAD of the models is answered', async () => {
  const a = await upstream(answerAs('a'));
  const lab = await gateway([service({ a: a.url }, { a: 100 })]);
  expect((await lab.chat({}, { path: '/v1/loading_docks' })).status).toBe(200);
  expect((await lab.chat({}, { path: '/v1/models/llama:predict' })).status).toBe(200);
  expect(a.requests).toHaveLength(2);
  const head = await fetch(`${lab.url}/v1/models`, { method: 'HEAD' });
  expect([head.status, await head.text()]).toEqual([200, '']);
});

test.each([
  'Application/JSON',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'image/png',
  'a, b',
])('a body is read whatever its type says: %s', async (type) => {
  const a = await upstream(answerAs('a'));
  const lab = await gateway([service({ a: a.url }, { a: 100 })]);
  const headers = { 'content-type': type };
  expect((await lab.chat({}, { headers })).status).toBe(200);
  expect(JSON.parse(a.requests[0]?.body ?? '')).toMatchObject({ model: 'llama' });
  expect((await lab.chat({ model: 'none' }, { headers })).status).toBe(404);
});

describe('what a caller hears of a failing cluster names no place, and the log has all of it', () => {
  const told = ({ lines }: Lab): unknown => lines.find(({ event }) => event === 'attempt-failed')?.['why'];

  test('nobody listens there', async () => {
    const a = await upstream(answerAs('a'));
    const lab = await gateway([service({ a: a.url }, { a: 100 })]);
    await a.crash();
    const text = await (await lab.chat()).text();
    expect(text).toContain('refused');
    expect(text).not.toContain('127.0.0.1');
    expect(text).not.toContain(String(a.port));
    expect(told(lab)).toContain(`127.0.0.1:${a.port}`);
  });

  test('its name is not known', async () => {
    const lab = await gateway([service({ a: 'http://inner-7.invalid:8000' }, { a: 100 })]);
    expect(await (await lab.chat()).text()).not.toContain('inner-7');
    expect(told(lab)).toContain('inner-7.invalid');
  });

  test('it speaks no TLS', async () => {
    const a = await upstream(answerAs('a'));
    const lab = await gateway([service({ a: a.url.replace('http:', 'https:') }, { a: 100 })]);
    const text = await (await lab.chat()).text();
    expect(text).toMatch(/reset: [A-Z_]+\)/);
    expect(told(lab)).toMatch(/ssl/i);
  });

  test('the connection is reset', async () => {
    const a = await upstream((_request, res) => void (res.socket as Socket).resetAndDestroy());
    const lab = await gateway([service({ a: a.url }, { a: 100 })]);
    expect(await (await lab.chat()).text()).toContain('reset: ECONNRESET');
    expect(told(lab)).toContain('ECONNRESET');
  });

  test.each([
    'worker inner-7:8000 is away',
    'Cannot connect to host 10.0.0.7',
    'see http://inner-7/health',
    '[fd00::7]: no route',
  ])('its error event says "%s"', async (message) => {
    const a = await upstream((_request, res) =>
      beginStream(res, `data: ${JSON.stringify({ error: { message, code: 500 } })}\n\n`),
    );
    const lab = await gateway([service({ a: a.url }, { a: 100 })]);
    const text = await (await lab.chat({ stream: true })).text();
    expect(text).toContain('its words are in the log of the gateway');
    expect(text).not.toMatch(/inner-7|10\.0\.0\.7|fd00/);
    expect(told(lab)).toContain(message);
  });

  test('a failure that goes on is one line, then a number', async () => {
    const a = await upstream(answerAs('a'));
    const lab = await gateway([service({ a: a.url }, { a: 100 })]);
    await a.crash();
    for (let i = 0; i < 5; i++) await lab.chat();
    expect(lab.lines.filter(({ event }) => event === 'attempt-failed')).toHaveLength(1);
  });
});
