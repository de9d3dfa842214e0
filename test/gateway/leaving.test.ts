/** A caller that leaves costs its cluster nothing more, wherever the answer stood; limits of time, each with real sockets. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '../kit/eventually.js';
import { gateway, service, stopAll, upstream, type Lab } from './kit.js';
import { BEHIND_MAX } from '../../src/gateway/door/pipelining.js';
import { statusesOf } from './raw.js';
import { openStream, readStream } from './read-stream.js';
import { answerAs, beginStream, delta, frame, hang, role, type Behaviour, type Upstream } from './upstream.js';

const children: ChildProcess[] = [];
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await stopAll();
});

async function one(
  behaviour: Behaviour,
  settings: NonNullable<Parameters<typeof gateway>[1]>['settings'] = {},
): Promise<{ a: Upstream; lab: Lab }> {
  const a = await upstream(behaviour);
  return { a, lab: await gateway([service({ a: a.url }, { a: 100 })], { settings }) };
}

const begunJson: Behaviour = (_request, res) => {
  res.writeHead(200, { 'content-type': 'application/json' });
  res.write('{"choices":');
};
const begunStream: Behaviour = (_request, res) => beginStream(res, frame(role) + frame(delta('one ')));
const holdsBack: Behaviour = (_request, res) => beginStream(res, frame(role));
const begunAudio: Behaviour = (_request, res) => {
  res.writeHead(200, { 'content-type': 'audio/mpeg' });
  res.write('RIFF');
};

describe('a caller that leaves cancels at the cluster, at once', () => {
  test.each<[string, Behaviour, boolean]>([
    ['an answer in one piece, before its first byte', hang, false],
    ['an answer in one piece, in the middle', begunJson, false],
    ['a stream, before its first byte', hang, true],
    ['a stream that has said nothing yet', holdsBack, true],
    ['a stream, after its first token', begunStream, true],
    ['audio, in the middle', begunAudio, false],
  ])('%s', async (_name, behaviour, stream) => {
    const { a, lab } = await one(behaviour);
    const leaving = new AbortController();
    const answer = lab.chat({ stream }, { signal: leaving.signal }).then(async (r) => await r.text());
    const told = expect(answer).rejects.toThrow();
    await eventually(() => a.requests.length === 1);
    leaving.abort();
    await eventually(() => a.requests[0]?.aborted === true, 2_000);
    await told;
    expect((await lab.state()).callers).toMatchObject({ total: 1, ok: 0, lost: 0, cut: 0 });
    expect((await lab.state()).clusters['a']).toMatchObject({ inFlight: 0, failingSinceMs: null });
  });

  test('and what it sent behind that, on the same connection, is never begun', async () => {
    const { a, lab } = await one(hang);
    const socket = sendBehind(lab, 3);
    await eventually(() => a.requests.length === 1);
    socket.destroy();
    await eventually(() => a.requests[0]?.aborted === true, 2_000);
    expect((await lab.chat({}, { signal: AbortSignal.timeout(200) }).catch(() => null)) ?? a.requests.length).toBe(2);
    expect((await lab.state()).callers).toMatchObject({ total: 2 });
  });
});

describe('several requests in a row on one connection', () => {
  test('are served one after the other', async () => {
    const { a, lab } = await one(answerAs('a'));
    let seen = '';
    sendBehind(lab, BEHIND_MAX).on('data', (part: Buffer) => (seen += part.toString()));
    await eventually(() => statusesOf(seen).length === BEHIND_MAX);
    expect(a.requests).toHaveLength(BEHIND_MAX);
  });

  test('but not any number of them', async () => {
    const { a, lab } = await one(hang);
    const socket = sendBehind(lab, BEHIND_MAX + 2);
    await eventually(() => socket.destroyed);
    await eventually(async () => (await lab.state()).clusters['a']?.inFlight === 0);
    expect(a.requests.every((r) => r.aborted)).toBe(true);
    expect((await lab.state()).callers).not.toMatchObject({ total: 2 });
  });
});

/** Sends so many requests at once, without waiting for an answer. */
function sendBehind(lab: Lab, count: number): Socket {
  const { hostname, port } = new URL(lab.url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined).resume();
  sockets.push(socket);
  const body = '{"model":"chat"}';
  const one = `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  socket.write(one.repeat(count));
  return socket;
}

/** Listens, accepts two connections at the most, and is then stopped: whoever connects next hears nothing at all. */
async function deafPort(): Promise<number> {
  const script = `const s = require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 },
    () => console.log(s.address().port))`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(line.toString());
  child.kill('SIGSTOP');
  let deaf = false;
  while (!deaf && sockets.length < 20) {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    deaf = await Promise.race([
      once(socket, 'connect').then(() => false),
      new Promise<boolean>((resolve) => setTimeout(resolve, 500, true)),
    ]);
  }
  expect(deaf).toBe(true);
  return port;
}

describe('each limit of time holds', () => {
  test('to connect', async () => {
    const b = await upstream(answerAs('b'));
    const port = await deafPort();
    const lab = await gateway([service({ a: `http://127.0.0.1:${port}`, b: b.url }, { a: 100, b: 0 })], {
      settings: { connectTimeoutMs: 300, firstByteTimeoutMs: 60_000 },
    });
    const answer = await lab.chat();
    expect([answer.status, answer.headers.get('x-understudy-cluster')]).toEqual([200, 'b']);
    expect((await lab.state()).clusters['a']?.counters).toMatchObject({ requests: 1, cluster: 1 });
  });

  test('to the first byte, told as a timeout', async () => {
    const { a, lab } = await one(hang, { firstByteTimeoutMs: 200 });
    const answer = await lab.chat({ stream: true });
    expect(answer.status).toBe(504);
    expect(await answer.json()).toMatchObject({ error: { code: 'timeout', type: 'upstream_error' } });
    await eventually(() => a.requests[0]?.aborted === true);
  });

  test('between two bytes of a stream', async () => {
    const { a, lab } = await one(begunStream, { idleTimeoutMs: 200 });
    const seen = await readStream(await openStream(lab.url, { model: 'chat', stream: true, messages: [] }));
    expect([seen.text, seen.errors.length, seen.dones]).toEqual(['one ', 1, 0]);
    await eventually(() => a.requests[0]?.aborted === true);
  });

  test.each<[string, Behaviour, boolean, string]>([
    ['before the first byte', hang, false, 'no whole answer within'],
    ['in the middle of an answer', begunJson, false, 'no whole answer within'],
    ['in the middle of a stream', begunStream, true, 'the time for one request is over'],
  ])('for all of a request, %s', async (_name, behaviour, stream, words) => {
    const { a, lab } = await one(behaviour, { totalTimeoutMs: 300 });
    const answer = await lab.chat({ stream });
    expect(await answer.text()).toContain(words);
    expect(answer.status).toBe(stream ? 200 : 504);
    await eventually(() => a.requests[0]?.aborted === true);
  });
});
