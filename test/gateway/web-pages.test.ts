/** What a web page can send to the ports of a gateway and of a simulated cluster: refused, whatever it asks for. */
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createControlServer, type Controlled } from '../../src/simulator/control-server.js';
import { createServingApp } from '../../src/simulator/serving-app.js';
import { SETTINGS_DEFAULT } from '../../src/simulator/settings.js';
import { atEnd, gateway, service, stopAll, upstream, type Lab } from './kit.js';
import { sendRaw, statusesOf } from './raw.js';
import { answerAs, type Upstream } from './upstream.js';

afterEach(stopAll);

async function scene(hosts?: readonly string[], host = '127.0.0.1'): Promise<{ lab: Lab; a: Upstream }> {
  const a = await upstream(answerAs('a'));
  const settings = hosts === undefined ? {} : { hosts };
  return { a, lab: await gateway([service({ a: a.url }, { a: 100 })], { host, settings }) };
}

const BODY = '{"model":"chat","messages":[]}';
const JSON_TYPE = 'content-type: application/json\r\n';
const ask = async (url: string, line: string, headers: string, body = ''): Promise<number | undefined> => {
  const head = `${line} HTTP/1.1\r\n${headers}connection: close\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`;
  return statusesOf(await sendRaw(url.replace('0.0.0.0', '127.0.0.1'), [head + body]))[0];
};
const chat = async (url: string, headers: string): Promise<number | undefined> =>
  await ask(url, 'POST /v1/chat/completions', headers + JSON_TYPE, BODY);

const FOREIGN: readonly (readonly [string, string])[] = [
  ['a name that was made to lead here', 'host: evil.example\r\n'],
  ['such a name with a port', 'host: evil.example:4401\r\n'],
  ['a name that begins like ours', 'host: 127.0.0.1.evil.example\r\n'],
  ['a name that ends like ours', 'host: evil-localhost\r\n'],
  ['an empty name', 'host: \r\n'],
  ['another origin', 'host: localhost\r\norigin: https://evil.example\r\n'],
  ['another port of this machine', 'host: localhost:1\r\norigin: http://localhost:2\r\n'],
  ['an origin that hides', 'host: localhost\r\norigin: null\r\n'],
  ['an image on another site', 'host: localhost\r\nsec-fetch-site: cross-site\r\nsec-fetch-mode: no-cors\r\n'],
];
const OURS: readonly (readonly [string, string])[] = [
  ['localhost', 'host: localhost\r\n'],
  ['in capitals, with a port', 'host: LOCALHOST:9\r\n'],
  ['127.9.9.9', 'host: 127.9.9.9:9\r\n'],
  ['[::1]', 'host: [::1]:9\r\n'],
];

describe('a gateway on loopback', () => {
  test.each(FOREIGN)('refuses %s, on every path', async (_name, headers) => {
    const { lab, a } = await scene();
    expect(await chat(lab.url, headers)).toBe(403);
    for (const path of ['/healthz', '/readyz', '/v1/models', '/nowhere'])
      expect(await ask(lab.url, `GET ${path}`, headers)).toBe(403);
    expect(a.requests).toEqual([]);
  });

  test.each(OURS)('serves %s', async (_name, headers) => {
    const { lab } = await scene();
    expect(await chat(lab.url, headers)).toBe(200);
  });

  test('serves the names that it is given besides', async () => {
    const { lab } = await scene(['llm.example']);
    expect(await chat(lab.url, 'host: LLM.example:443\r\n')).toBe(200);
    expect(await chat(lab.url, 'host: localhost\r\n')).toBe(200);
    expect(await chat(lab.url, 'host: evil.example\r\n')).toBe(403);
  });
});

test('a gateway beyond loopback serves every name, or those that it is given, and says which', async () => {
  const any = await scene(undefined, '0.0.0.0');
  expect(await chat(any.lab.url, 'host: any.example\r\n')).toBe(200);
  expect(await chat(any.lab.url, 'host: any.example\r\norigin: http://evil.example\r\n')).toBe(403);
  expect((await any.lab.admin('GET', '/state')).body['doors']).toMatchObject({ names: 'any', keys: false });
  const named = await scene(['llm.example'], '0.0.0.0');
  expect(await chat(named.lab.url, 'host: any.example\r\n')).toBe(403);
  expect((await named.lab.admin('GET', '/state')).body['doors']).toMatchObject({ names: 'named', admin: 'nothing' });
});

describe('the admin API', () => {
  const ORDER = '{"epoch":1,"weights":{"a":0,"b":100}}';
  const two = async (): Promise<Lab> =>
    await gateway([service({ a: 'http://127.0.0.1:9', b: 'http://127.0.0.1:9' }, { a: 100, b: 0 })]);

  test.each(FOREIGN)('refuses %s', async (_name, headers) => {
    const lab = await two();
    for (const path of ['/healthz', '/state', '/table', '/metrics'])
      expect(await ask(lab.adminUrl, `GET ${path}`, headers)).toBe(403);
    expect(await ask(lab.adminUrl, 'PUT /routes/chat', headers + JSON_TYPE, ORDER)).toBe(403);
    expect(await ask(lab.adminUrl, 'DELETE /services/chat', headers)).toBe(403);
    expect(await lab.state()).toMatchObject({ epoch: 0, intended: { a: 100, b: 0 } });
  });

  test.each([
    ['none', ''],
    ['text', 'content-type: text/plain\r\n'],
    ['a form', 'content-type: application/x-www-form-urlencoded\r\n'],
    ['an upload', 'content-type: multipart/form-data; boundary=x\r\n'],
    ['text that mentions JSON', 'content-type: text/plain; x=application/json\r\n'],
    ['two types', 'content-type: text/plain, application/json\r\n'],
  ])('takes no change of another type than JSON: %s', async (_name, type) => {
    const lab = await two();
    expect(await ask(lab.adminUrl, 'PUT /routes/chat', `host: localhost\r\n${type}`, ORDER)).toBe(415);
    expect(await ask(lab.adminUrl, 'POST /drain/chat', `host: localhost\r\n${type}`, '{"epoch":1}')).toBe(415);
    expect(await lab.state()).toMatchObject({ epoch: 0, intended: { a: 100, b: 0 } });
  });

  test('one write with a huge epoch locks nobody out', async () => {
    const lab = await two();
    const weights = { a: 0, b: 100 };
    expect((await lab.admin('PUT', '/routes/chat', { epoch: 7, weights })).status).toBe(200);
    for (const epoch of [1_000_008, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
      const refused = await lab.admin('PUT', '/fence/chat', { epoch });
      expect(refused).toMatchObject({ status: 422, body: { code: 'epoch-too-far' } });
      expect(refused.body['message']).toContain('Next: ');
    }
    expect((await lab.admin('PUT', '/fence/chat', { epoch: 8 })).status).toBe(200);
    expect((await lab.admin('PUT', '/fence/chat', { epoch: 1_000_008 })).status).toBe(200);
  });

  test('a table that was lost takes the epoch of a controller that moved for years, and not the largest there is', async () => {
    const lab = await two();
    expect((await lab.admin('PUT', '/fence/chat', { epoch: Number.MAX_SAFE_INTEGER })).status).toBe(422);
    expect((await lab.admin('PUT', '/fence/chat', { epoch: 5_000_000 })).status).toBe(200);
  });
});

describe('a simulated cluster', () => {
  const faults: string[] = [];
  const controlled: Controlled = {
    state: () => ({ cluster: 'a', url: '', servingPid: null, frozen: false, faults: [] }),
    putFault: async (fault) => await Promise.reject(new Error(faults.push(fault.kind).toString())),
    clearFaults: async () => await Promise.resolve((faults.push('cleared'), [])),
  };

  test.each(FOREIGN)('refuses %s', async (_name, headers) => {
    const app = createServingApp({ ...SETTINGS_DEFAULT, name: 'a', model: 'llama' });
    const control = createControlServer(controlled);
    for (const server of [app.server, control]) {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      atEnd(() => server.close());
    }
    atEnd(() => app.close());
    const [serving, controls] = [app.server, control].map(
      (s) => `http://127.0.0.1:${(s.address() as AddressInfo).port}`,
    );
    expect(await chat(serving ?? '', headers)).toBe(403);
    expect(await ask(controls ?? '', 'GET /state', headers)).toBe(403);
    expect(await ask(controls ?? '', 'DELETE /fault', headers)).toBe(403);
    expect(await ask(controls ?? '', 'POST /fault', headers + JSON_TYPE, '{"kind":"errors"}')).toBe(403);
    expect(faults).toEqual([]);
  });
});
