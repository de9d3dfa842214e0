/** The access log of a real gateway: one line for every request, with how it ended, and without anything that was said. */
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { LineWriter, WAITING_BYTES_MAX } from '../../src/gateway/account/line-writer.js';
import type { RequestRecord } from '../../src/gateway/account/account.js';
import { eventually } from '../kit/eventually.js';
import { gatewayProcess } from './gateway-process.js';
import { gateway, service, stopAll, tempDir, upstream, type Lab } from './kit.js';
import {
  answerAs,
  beginStream,
  delta,
  finish,
  frame,
  hang,
  role,
  sendJson,
  status,
  type Behaviour,
} from './upstream.js';

afterEach(stopAll);

const SECRET = 'the-secret-prompt';
const ANSWER = 'the-secret-answer';
const KEY = 'sk-the-secret-key';
const USAGE = {
  prompt_tokens: 11,
  completion_tokens: 7,
  total_tokens: 18,
  prompt_tokens_details: { cached_tokens: 3 },
};
const WAIT_MS = 10_000;

interface Scene {
  readonly lab: Lab;
  readonly path: string;
  /** So many lines, once they are there. */
  records(count: number): Promise<RequestRecord[]>;
}

const linesOf = (path: string): string[] =>
  (existsSync(path) ? readFileSync(path, 'utf8') : '').split('\n').slice(0, -1);

async function scene(behaviours: Readonly<Record<string, Behaviour>>, settings: object = {}): Promise<Scene> {
  const path = join(tempDir(), 'access.log');
  const urls: Record<string, string> = {};
  for (const [name, behaviour] of Object.entries(behaviours)) urls[name] = (await upstream(behaviour)).url;
  const home = Object.fromEntries(Object.keys(urls).map((name, i) => [name, i === 0 ? 100 : 0]));
  const full = { overload: { waitingMax: 0, waitMs: 10, spillMaxPct: 0 } };
  const chat = service(urls, home, full);
  const limited = { ...chat, members: chat.members.map((m) => ({ ...m, limit: 1 })) };
  const lab = await gateway([limited], { settings: { accessLog: path, ...settings } });
  const records = async (count: number): Promise<RequestRecord[]> => {
    await eventually(() => linesOf(path).length >= count, WAIT_MS);
    expect(linesOf(path)).toHaveLength(count);
    return linesOf(path).map((line) => JSON.parse(line) as RequestRecord);
  };
  return { lab, path, records };
}

const asked = { messages: [{ role: 'user', content: SECRET }] };
const whole: Behaviour = (_request, res) =>
  sendJson(res, 200, { choices: [{ index: 0, message: { content: ANSWER }, finish_reason: 'stop' }], usage: USAGE });
const broken: Behaviour = (_request, res) => {
  beginStream(res, frame(role) + frame(delta(`${ANSWER} `)));
  setTimeout(() => res.destroy(), 50);
};
const rest: Behaviour = (_request, res) => {
  beginStream(res, frame(role) + frame(delta('goes on')) + frame(finish('stop')));
  res.end(frame({ id: 'c1', choices: [], usage: USAGE }) + frame('[DONE]'));
};

test('an answer in one piece', async () => {
  const { lab, path, records } = await scene({ a: whole });
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const answer = await lab.chat(asked, { headers: { traceparent }, path: '/v1/chat/completions?q=1' });
  const text = await answer.text();
  const [record] = await records(1);
  expect(record).toMatchObject({
    caller: null,
    service: 'chat',
    model: 'chat',
    method: 'POST',
    path: '/v1/chat/completions',
    stream: false,
    status: 200,
    outcome: 'ok',
    owner: 'none',
    clusters: [{ cluster: 'a', outcome: 'ok' }],
    retried: false,
    continued: false,
    notContinued: null,
    tokens: { prompt: 11, completion: 7 },
    bytesOut: text.length,
    traceId: '0af7651916cd43dd8448eb211c80319c',
  });
  expect(record?.firstByteMs).toBeLessThanOrEqual(record?.ms ?? 0);
  expect(statSync(path).mode & 0o007).toBe(0);
});

test.each([
  ['small', 1, ''],
  ['large', 2_000, ''],
  ['small, with bytes that are no text', 1, 'ff80c3'],
])('an answer in one piece keeps its bytes beyond ASCII, and they are counted: %s', async (_, times, noText) => {
  const text = JSON.stringify({ choices: [], said: 'é漢🙂\u0080\u00ff'.repeat(times), usage: USAGE });
  const sent = Buffer.concat([Buffer.from(text), Buffer.from(noText, 'hex')]);
  const { lab, records } = await scene({
    a: (_request, res) => void res.writeHead(200, { 'content-type': 'application/json' }).end(sent),
  });
  const answer = await lab.chat(asked);
  expect(answer.headers.get('content-length')).toBe(String(sent.length));
  expect(Buffer.from(await answer.arrayBuffer()).equals(sent)).toBe(true);
  expect(await records(1)).toMatchObject([
    { outcome: 'ok', tokens: { prompt: 11, completion: 7 }, bytesOut: sent.length },
  ]);
});

test('a stream without usage: tokens are unknown, not 0', async () => {
  const { lab, records } = await scene({ a: answerAs('a') });
  const text = await (await lab.chat({ ...asked, stream: true })).text();
  const [record] = await records(1);
  expect(record).toMatchObject({ stream: true, outcome: 'ok', tokens: { prompt: null, completion: null } });
  expect(record?.bytesOut).toBe(Buffer.byteLength(text));
});

test('a stream that another cluster went on with', async () => {
  const { lab, records } = await scene({ a: broken, b: rest });
  expect(await (await lab.chat({ ...asked, stream: true })).text()).toContain('[DONE]');
  expect(await records(1)).toMatchObject([
    {
      outcome: 'ok',
      retried: false,
      continued: true,
      clusters: [
        { cluster: 'a', outcome: 'cut' },
        { cluster: 'b', outcome: 'ok' },
      ],
    },
  ]);
});

test('a stream that nobody could go on with says why', async () => {
  const { lab, records } = await scene({ a: broken });
  await (await lab.chat({ ...asked, stream: true })).text();
  expect(await records(1)).toMatchObject([
    { status: 200, outcome: 'cut', owner: 'cluster', continued: false, notContinued: 'no-cluster' },
  ]);
});

test('a request that was tried elsewhere', async () => {
  const { lab, records } = await scene({ a: status(500), b: whole });
  await (await lab.chat(asked)).text();
  expect(await records(1)).toMatchObject([
    { outcome: 'ok', retried: true, clusters: [{ outcome: 'status' }, { cluster: 'b', outcome: 'ok' }] },
  ]);
});

test.each<[string, Behaviour, object, Partial<RequestRecord>]>([
  ['refused by a cluster', status(400), {}, { status: 400, outcome: 'client', owner: 'client' }],
  ['over a quota', status(429), {}, { status: 429, outcome: 'quota', owner: 'quota' }],
  ['lost', status(500), {}, { status: 500, outcome: 'lost', owner: 'cluster' }],
  ['for nobody', whole, { model: 'other-model' }, { status: 404, outcome: 'client', clusters: [], service: null }],
])('%s', async (_name, behaviour, body, expected) => {
  const { lab, records } = await scene({ a: behaviour });
  await (await lab.chat({ ...asked, ...body })).text();
  expect(await records(1)).toMatchObject([expected]);
});

test('shed, and a caller that left', async () => {
  const { lab, records } = await scene({ a: hang });
  const leaves = new AbortController();
  const left = lab.chat(asked, { signal: leaves.signal }).catch(() => null);
  await eventually(async () => (await lab.state()).clusters['a']?.inFlight === 1, WAIT_MS);
  expect((await lab.chat(asked)).status).toBe(503);
  leaves.abort();
  await left;
  expect(await records(2)).toMatchObject([
    { status: 503, outcome: 'shed', owner: 'cluster', clusters: [] },
    { status: null, outcome: 'gone', owner: 'client', firstByteMs: null, clusters: [{ outcome: 'gone' }] },
  ]);
});

test('callers are named, and nothing that was said, no key and no query is ever there', async () => {
  const sha256 = createHash('sha256').update(KEY).digest('hex');
  const keys = [
    {
      name: 'ada',
      sha256,
      services: null,
      limits: { requestsPerMinute: null, tokensPerMinute: null, concurrent: null },
      priorityMax: 'high' as const,
    },
  ];
  const { lab, path, records } = await scene({ a: broken, b: whole, c: status(400, SECRET) }, { keys });
  const headers = { authorization: `Bearer ${KEY}`, 'x-conversation-id': SECRET };
  await (await lab.chat(asked, { headers, path: `/v1/chat/completions?key=${KEY}` })).text();
  await (await lab.chat({ ...asked, stream: true }, { headers }).catch(() => null))?.text();
  await (await lab.chat(asked, { headers: { authorization: `Bearer ${KEY}x` } })).text();
  const found = await records(3);
  expect(found.map(({ caller, outcome }) => [caller, outcome])).toContainEqual([null, 'client']);
  expect(found.filter(({ caller }) => caller === 'ada')).toHaveLength(2);
  const log = readFileSync(path, 'utf8');
  for (const word of [SECRET, ANSWER, 'sk-', sha256]) expect(log).not.toContain(word);
});

test('health checks are not written, and closing writes what waits', async () => {
  const { lab, path } = await scene({ a: whole });
  await fetch(`${lab.url}/healthz`);
  await (await lab.chat(asked)).text();
  await lab.close(1_000);
  expect(linesOf(path)).toHaveLength(1);
});

test.each(['nobody', 'logrotate'])('a file that was moved away is made anew by %s, and nothing is lost', async (by) => {
  const path = join(tempDir(), 'access.log');
  const writer = await LineWriter.open(path, () => undefined);
  const moved = `${path}.1`;
  writer.write('before');
  await eventually(() => linesOf(path).length === 1, WAIT_MS);
  renameSync(path, moved);
  if (by === 'logrotate') writeFileSync(path, '');
  let written = 1;
  await eventually(() => {
    writer.write(`line ${++written}`);
    return existsSync(path) && linesOf(path).length > 0;
  }, WAIT_MS);
  await writer.close();
  expect([...linesOf(moved), ...linesOf(path)]).toHaveLength(written);
});

test('lines of any length come whole and in order', async () => {
  const path = join(tempDir(), 'access.log');
  const writer = await LineWriter.open(path, () => undefined);
  const written = Array.from({ length: 300 }, (_, i) => `${i} ${'ünïcode ☃ '.repeat((i * 37) % 500)}`);
  written.push('a'.repeat(200_000), 'the last one');
  for (const line of written) writer.write(line);
  await writer.close();
  expect(linesOf(path)).toEqual(written);
});

test('more than may wait is dropped, said once, and counted', async () => {
  const events: Readonly<Record<string, unknown>>[] = [];
  const path = join(tempDir(), 'access.log');
  const writer = await LineWriter.open(path, (event) => events.push(event));
  const line = 'x'.repeat(1_000_000);
  const fitting = Math.floor(WAITING_BYTES_MAX / (line.length + 1));
  for (let i = 0; i < fitting + 5; i++) writer.write(line);
  await writer.close();
  expect(linesOf(path)).toHaveLength(fitting);
  expect(events).toMatchObject([{ event: 'access-log-drops' }, { event: 'access-log-back', dropped: 5 }]);
});

test('several workers write whole lines to one file', async () => {
  const path = join(tempDir(), 'access.log');
  const a = await upstream(whole);
  const running = await gatewayProcess({
    members: { a: a.url },
    args: ['--workers', '2'],
    gateway: { accessLog: path },
  });
  const ask = async (): Promise<unknown> =>
    await (
      await fetch(`${running.url}/v1/chat/completions`, {
        method: 'POST',
        // A connection each, so that they spread over the workers.
        headers: { 'content-type': 'application/json', connection: 'close' },
        body: JSON.stringify({ model: 'chat', ...asked }),
      })
    ).json();
  await Promise.all(Array.from({ length: 200 }, ask));
  await eventually(() => linesOf(path).length >= 200, WAIT_MS);
  const outcomes = linesOf(path).map((line) => (JSON.parse(line) as RequestRecord).outcome);
  expect(outcomes).toEqual(Array.from({ length: 200 }, () => 'ok'));
}, 90_000);
