/** Callers that read nothing, send nothing or ask nothing hold what is everybody's for a bounded time only. */
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { failureOfTransport } from '../../src/domain/error-owner.js';
import { connectionsFor, descriptorLimit, HEALTH_RESERVE } from '../../src/gateway/door/connection-limit.js';
import { eventually } from '../kit/eventually.js';
import { gatewayProcess } from './gateway-process.js';
import { atEnd, gateway, service, stopAll, upstream } from './kit.js';
import { sendRaw, statusesOf } from './raw.js';
import { answerAs, beginStream, delta, frame, role, type Behaviour } from './upstream.js';

afterEach(stopAll);

const BODY = '{"model":"chat","stream":true,"messages":[]}';
const head = (length: number): string =>
  `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;

/** A caller that has a connection, and reads only what somebody asks for. */
async function visitor(url: string): Promise<Socket> {
  const { port } = new URL(url);
  const socket = connect(Number(port), '127.0.0.1').pause();
  socket.on('error', () => undefined);
  atEnd(() => socket.destroy());
  await new Promise<void>((resolve) => socket.once('connect', resolve).once('close', () => resolve()));
  return socket;
}

/** More than the buffers between a cluster and its caller hold. */
const MUCH = frame(delta('x'.repeat(100_000))).repeat(300);

describe('a caller that never reads', () => {
  const endless: Behaviour = (_request, res) => {
    beginStream(res, frame(role) + MUCH);
    res.on('drain', () => res.write(MUCH));
  };
  const large: Behaviour = (_request, res) => {
    res.writeHead(200, { 'content-type': 'application/json' });
    res.end(JSON.stringify({ choices: [{ index: 0, message: { content: 'x'.repeat(7_500_000) } }] }));
  };
  test.each([
    ['a stream', endless],
    ['an answer in one piece', large],
  ])('of %s is gone after a while, and its place is free', async (_name, behaviour) => {
    const a = await upstream(behaviour);
    const lab = await gateway([service({ a: a.url }, { a: 100 })], { settings: { callerTimeoutMs: 200 } });
    const { port } = new URL(lab.url);
    const socket = await visitor(lab.url);
    const before = performance.now();
    socket.write(head(BODY.length) + BODY);
    const isGone = async (): Promise<boolean> => {
      const others = await openConnections(Number(port));
      return others === 0 && (await lab.state()).clusters['a']?.inFlight === 0;
    };
    await eventually(async () => a.requests.length === 1 && (await isGone()), 15_000);
    expect(performance.now() - before).toBeGreaterThan(200);
    expect((await lab.state()).clusters['a']?.counters).toMatchObject({ cluster: 0, ejections: 0 });
  });

  test('is not one that reads slowly, but reads', async () => {
    const a = await upstream((_request, res) => {
      beginStream(res, frame(role) + frame(delta('x'.repeat(100_000))).repeat(100));
      setTimeout(
        () => res.end(frame({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }) + frame('[DONE]')),
        50,
      );
    });
    const lab = await gateway([service({ a: a.url }, { a: 100 })], { settings: { callerTimeoutMs: 1_000 } });
    const socket = await visitor(lab.url);
    let read = 0;
    socket.on('data', (piece: Buffer) => {
      read += piece.length;
      socket.pause();
      setTimeout(() => socket.resume(), 5);
    });
    socket.resume().write(head(BODY.length) + BODY);
    await eventually(() => read > 10_000_000, 15_000);
    await eventually(async () => (await lab.state()).clusters['a']?.inFlight === 0, 5_000);
    expect((await lab.state()).callers).toMatchObject({ ok: 1 });
  });
});

/** Server sides of connections to a port of this machine that stand, as the system counts them. */
async function openConnections(port: number): Promise<number> {
  const rows = (await readFile('/proc/net/tcp', 'utf8')).split('\n');
  const ours = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return rows.filter((row) => row.trim().split(/\s+/)[1] === ours && row.trim().split(/\s+/)[3] === '01').length;
}

test('a caller that sends nothing more of its body is told so, and let go', async () => {
  const a = await upstream(answerAs('a'));
  const lab = await gateway([service({ a: a.url }, { a: 100 })], { settings: { callerTimeoutMs: 200 } });
  const answer = await sendRaw(lab.url, [head(100), '{"model":']);
  expect(statusesOf(answer)).toEqual([408]);
  expect(answer).toContain('"code":"body-too-slow"');
  expect(a.requests).toHaveLength(0);
});

test.each<[string, string, readonly number[]]>([
  [
    'waits to be told to go on, and never does',
    `${head(100).replace('\r\n\r\n', '\r\nexpect: 100-continue\r\n\r\n')}`,
    [100, 408],
  ],
  ['expects what nobody can do', `${head(100).replace('\r\n\r\n', '\r\nexpect: tea\r\n\r\n')}`, [417]],
  [
    'wants another protocol, and sends nothing more',
    head(100).replace('\r\n\r\n', '\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'),
    [408],
  ],
  ['wants a tunnel', 'CONNECT 127.0.0.1:22 HTTP/1.1\r\nhost: localhost\r\n\r\n', []],
])('a caller that %s is let go', async (_what, bytes, statuses) => {
  const a = await upstream(answerAs('a'));
  const lab = await gateway([service({ a: a.url }, { a: 100 })], { settings: { callerTimeoutMs: 200 } });
  expect(statusesOf(await sendRaw(lab.url, [bytes]))).toEqual(statuses);
  expect(a.requests).toHaveLength(0);
  expect((await lab.state()).callers).toMatchObject({ total: 0 });
});

describe('connections that ask nothing', () => {
  test('make room for those that do, the longest idle first', async () => {
    const a = await upstream(answerAs('a'));
    const lab = await gateway([service({ a: a.url }, { a: 100 })], { settings: { maxConnections: 16 } });
    const idle: Socket[] = [];
    for (let i = 0; i < 60; i += 1) idle.push(await visitor(lab.url));
    expect((await lab.chat()).status).toBe(200);
    await eventually(() => idle.filter((socket) => socket.resume().destroyed).length >= 44, 5_000);
    expect(idle[0]?.destroyed).toBe(true);
  });

  test('where all have a request, health is told, and others hear in words that there is no room', async () => {
    const a = await upstream((_request, res) => beginStream(res, frame(role) + frame(delta('a'))));
    const lab = await gateway([service({ a: a.url }, { a: 100 })], { settings: { maxConnections: 16 } });
    for (let i = 0; i < 16; i += 1) (await visitor(lab.url)).write(head(BODY.length) + BODY);
    await eventually(() => a.requests.length === 16, 5_000);
    const refused = await lab.chat();
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await refused.json()).toMatchObject({ error: { code: 'gateway-full' } });
    expect((await fetch(`${lab.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${lab.url}/readyz`)).status).toBe(200);
    const more = await Promise.all(Array.from({ length: 2 * HEALTH_RESERVE }, async () => await visitor(lab.url)));
    expect(more).toHaveLength(2 * HEALTH_RESERVE);
    expect((await fetch(`${lab.url}/healthz`)).status).toBe(200);
  });
});

test.each([
  ['EMFILE', 'exhausted'],
  ['ENFILE', 'exhausted'],
  ['ENOBUFS', 'exhausted'],
  ['EADDRNOTAVAIL', 'exhausted'],
  ['EADDRINUSE', 'exhausted'],
  ['EAGAIN', 'exhausted'],
  ['ENOMEM', 'exhausted'],
  ['ECONNREFUSED', 'refused'],
  ['ECONNRESET', 'reset'],
])('%s is %s', (code, failure) => expect(failureOfTransport(code)).toBe(failure));

test('half of the descriptors are for callers, when some are set aside', () => {
  expect([64, 256, 1_024, 20_000, Infinity].map(connectionsFor)).toEqual([16, 96, 480, 9_968, 65_536]);
  expect(descriptorLimit()).toBeGreaterThan(64);
});

describe('a process with few descriptors', () => {
  const good = `${head(BODY.length)}${BODY}`;
  test('serves callers, health and the admin side, however many connections ask nothing', async () => {
    const a = await upstream(answerAs('a'));
    const running = await gatewayProcess({ members: { a: a.url }, descriptors: 160 });
    for (let i = 0; i < 300; i += 1) await visitor(running.url);
    const answer = await sendRaw(running.url, [
      good.replace('host: localhost', 'host: localhost\r\nconnection: close'),
    ]);
    expect(statusesOf(answer)).toEqual([200]);
    expect((await fetch(`${running.url}/healthz`)).status).toBe(200);
    expect((await running.state()).clusters['a']?.counters).toMatchObject({ ok: 1, cluster: 0, ejections: 0 });
  });

  test('serves callers and the admin side, however many connections ask nothing of the admin side', async () => {
    const a = await upstream(answerAs('a'));
    const running = await gatewayProcess({ members: { a: a.url }, descriptors: 160 });
    const idle: Socket[] = [];
    for (let i = 0; i < 300; i += 1) idle.push(await visitor(running.adminUrl));
    const slow = await visitor(running.adminUrl);
    slow.write('GET /state/chat HTTP/1.1\r\nhost: loc'); // and never ends its head
    const answer = await sendRaw(running.url, [
      good.replace('host: localhost', 'host: localhost\r\nconnection: close'),
    ]);
    expect(statusesOf(answer)).toEqual([200]);
    expect((await running.state()).clusters['a']?.counters).toMatchObject({ ok: 1, cluster: 0, ejections: 0 });
    await eventually(() => idle.filter((socket) => socket.resume().destroyed).length >= 250, 5_000);
  });

  test('that has none left blames no cluster', async () => {
    const a = await upstream(answerAs('a'));
    const gatewaySettings = { maxConnections: 10_000 };
    const running = await gatewayProcess({ members: { a: a.url }, descriptors: 160, gateway: gatewaySettings });
    const early = await visitor(running.url);
    const flood = await Promise.all(Array.from({ length: 250 }, async () => await visitor(running.url)));
    await eventually(() => readdirSync(`/proc/${running.pid}/fd`).length >= 159, 5_000);
    let heard = '';
    early.on('data', (piece: Buffer) => (heard += piece.toString()));
    early.resume().write(good);
    await eventually(() => heard.includes('gateway-exhausted'), 5_000);
    expect(statusesOf(heard)).toEqual([503]);
    expect(heard.toLowerCase()).toContain('retry-after: 5');
    for (const socket of flood) socket.destroy();
    await eventually(async () => (await running.state().catch(() => null)) !== null, 5_000);
    const { clusters, callers } = await running.state();
    expect(clusters['a']).toMatchObject({ inFlight: 0, failingSinceMs: null, counters: { cluster: 0, ejections: 0 } });
    expect(callers).toMatchObject({ lost: 1 });
    early.write(good);
    await eventually(() => statusesOf(heard).includes(200), 5_000);
  });
});
