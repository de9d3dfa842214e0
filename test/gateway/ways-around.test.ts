/** Odd methods and content types are no way around a check, and errors name no place. */
import { afterEach, expect, test } from 'vitest';
import { gateway, service, stopAll, upstream } from './kit.js';
import { sendRaw, statusesOf } from './raw.js';
import { answerAs } from './upstream.js';

afterEach(stopAll);

test.each(['TRACE', 'OPTIONS', 'PROPFIND', 'SEARCH'])('%s reaches no cluster', async (method) => {
  const a = await upstream(answerAs('a'));
  const lab = await gateway([service({ a: a.url }, { a: 100 })]);
  const head = `${method} /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`;
  const answer = await sendRaw(lab.url, [head]);
  expect(statusesOf(answer)).toEqual([405]);
  expect(answer).toMatch(/^allow: GET/im);
  expect(a.requests).toEqual([]);
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

test('an error of a cluster that is away does not say where it lives', async () => {
  const a = await upstream(answerAs('a'));
  const lab = await gateway([service({ a: a.url }, { a: 100 })]);
  await a.crash();
  const text = await (await lab.chat()).text();
  expect(text).toContain('refused');
  expect(text).not.toContain('127.0.0.1');
  expect(text).not.toContain(String(a.port));
});
