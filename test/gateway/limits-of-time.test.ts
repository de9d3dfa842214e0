/** Limits of time where things coincide: what came in time counts, whoever was slow to look. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { faults } from '../../src/gateway/boundary.js';
import { Deadline } from '../../src/gateway/deadline.js';
import { readBody } from '../../src/gateway/door/request-body.js';
import { WaitQueue } from '../../src/gateway/service/wait-queue.js';
import { Connections } from '../../src/gateway/upstream/connections.js';
import { eventually } from '../kit/eventually.js';
import { atEnd, gateway, service, stopAll, upstream, type Lab } from './kit.js';
import { openStream, readStream, type StreamSeen } from './read-stream.js';
import { beginStream, delta, finish, frame, hang, role, sendJson, type Behaviour } from './upstream.js';

afterEach(stopAll);

const CHAT = { model: 'chat', messages: [{ role: 'user', content: 'count' }], stream: true, max_tokens: 10 };
const ask = async (lab: Lab, more: object = {}): Promise<StreamSeen> =>
  await readStream(await openStream(lab.url, { ...CHAT, ...more }));
const SPOKEN = frame(role) + frame(delta('one ')) + frame(delta('two '));
const REST = [role, delta('three'), finish('stop'), '[DONE]'].map((f) => frame(f)).join('');
const breaks: Behaviour = (_request, res) => {
  beginStream(res, SPOKEN);
  setTimeout(() => res.destroy(), 20);
};

async function pair(second: Behaviour, firstByteTimeoutMs: number): Promise<Lab> {
  const [a, b] = [await upstream(breaks), await upstream(second)];
  return await gateway([service({ a: a.url, b: b.url }, { a: 100, b: 0 })], { settings: { firstByteTimeoutMs } });
}

describe('the rest of a stream', () => {
  test('that has come and waits for the count of its tokens is not too late', async () => {
    const lab = await pair((request, res) => {
      if (request.url === '/tokenize') hang(request, res);
      else {
        beginStream(res, REST);
        res.end();
      }
    }, 250);
    expect(await ask(lab)).toMatchObject({ text: 'one two three', errors: [], dones: 1 });
    expect((await lab.state()).callers).toMatchObject({ ok: 1, continued: 1, cut: 0, lost: 0 });
  });

  const tokens = (res: Parameters<Behaviour>[1], everyMs: number): void => {
    beginStream(res, frame(role));
    const timer = setInterval(() => res.write(frame(delta('x'))), everyMs);
    res.once('close', () => clearInterval(timer));
  };

  test('is waited for at the last cluster as long as that answers others', async () => {
    const lab = await pair((request, res) => {
      if (request.url === '/tokenize') sendJson(res, 200, { count: 2 });
      else if (request.body.includes('other')) tokens(res, 20);
      else
        setTimeout(() => {
          beginStream(res, REST);
          res.end();
        }, 700);
    }, 200);
    await lab.admin('PUT', '/routes/chat', { epoch: 1, weights: { a: 0, b: 100 } });
    await openStream(lab.url, { ...CHAT, messages: [{ role: 'user', content: 'other' }] });
    await lab.admin('PUT', '/routes/chat', { epoch: 1, weights: { a: 100, b: 0 } });
    expect(await ask(lab)).toMatchObject({ text: 'one two three', errors: [], dones: 1 });
  });

  test('gets twice the time at the last cluster, whatever that answers others', async () => {
    const lab = await pair((request, res) => {
      if (request.url !== '/tokenize')
        setTimeout(() => {
          beginStream(res, REST);
          res.end();
        }, 700);
    }, 500);
    expect(await ask(lab)).toMatchObject({ text: 'one two three', errors: [], dones: 1 });
  });

  test('is not waited for at one that answers nobody', async () => {
    const lab = await pair(hang, 200);
    expect(await ask(lab)).toMatchObject({ text: 'one two ', errors: [{ reason: 'no-cluster' }] });
  });
});

/** A cluster in a thread of its own: it goes on when this one stands still. */
const CLUSTER = `
const { createServer } = require('node:http');
const { parentPort } = require('node:worker_threads');
const frame = (content, finish_reason = null) =>
  'data: ' + JSON.stringify({ id: 'c1', choices: [{ index: 0, delta: { content }, finish_reason }] }) + '\\n\\n';
const server = createServer((req, res) => {
  req.resume();
  const late = req.url.includes('completions') ? 0 : 50;
  setTimeout(() => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    let left = 40;
    const timer = setInterval(() => {
      res.write(left === 0 ? frame('', 'stop') + 'data: [DONE]\\n\\n' : frame('x'));
      if (left-- === 0) { clearInterval(timer); res.end(); }
    }, 25);
    res.once('close', () => clearInterval(timer));
  }, late);
}).listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

async function clusterOfItsOwn(): Promise<string> {
  const worker = new Worker(CLUSTER, { eval: true });
  atEnd(async () => void (await worker.terminate()));
  const port = await new Promise<number>((resolve) => worker.once('message', resolve));
  return `http://127.0.0.1:${port}`;
}

/** What follows begins behind what was read in this turn of the event loop: timers come next. */
const turn = async (): Promise<void> => await new Promise<void>((resolve) => setImmediate(resolve));

/** All of this process, and so the gateway in it. */
const standStill = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

describe('a process that stood still', () => {
  test('takes no stream for silent that has spoken meanwhile', async () => {
    const [a, b] = [await clusterOfItsOwn(), await upstream(hang)];
    const lab = await gateway([service({ a, b: b.url }, { a: 100, b: 0 })], { settings: { idleTimeoutMs: 200 } });
    const stream = await openStream(lab.url, CHAT);
    await stream.tokens(3);
    standStill(600);
    expect(await readStream(stream)).toMatchObject({ text: 'x'.repeat(40), errors: [], comments: [] });
    expect((await lab.state()).clusters['a']?.counters).toMatchObject({ ok: 1, cut: 0 });
  });

  test('for a moment that ends with a limit hears what came before', async () => {
    await turn();
    const order: string[] = [];
    const deadline = new Deadline(50, () => order.push('over'));
    setImmediate(() => order.push('read')); // as what the system holds ready is
    standStill(100);
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(order).toEqual(['read', 'over']);
    deadline.stop();
  });

  test.each([
    ['to connect', { connectTimeoutMs: 100, connectionsMax: 8 }],
    ['to connect, in a row', { connectTimeoutMs: 100, connectionsMax: 1 }],
  ])('blames no cluster for the time it took %s', async (_name, options) => {
    const connections = new Connections(await clusterOfItsOwn(), options);
    atEnd(() => connections.destroy());
    const heard = new Promise<unknown>((resolve) => {
      const request = { method: 'GET', path: '/late', headers: [], body: null };
      const [onBody, onEnd] = [(): void => undefined, (): void => undefined];
      connections.ask(request, { onHead: resolve, onBody, onEnd, onError: resolve, onFault: resolve });
    });
    standStill(400);
    expect(await heard).toBe(200);
  });

  test('sheds nobody for whom there was room in time', async () => {
    await turn();
    const queue = new WaitQueue();
    const choice = {} as never;
    const claimant = {
      owner: null,
      key: null,
      tried: new Set<string>(),
      begun: false,
      priority: 'normal' as const,
      arrival: 1,
    };
    const { granted } = queue.join(claimant, { waitingMax: 1, waitMs: 50 });
    setImmediate(() => queue.serve(() => choice)); // a cluster's answer that is read now
    standStill(100);
    expect(await granted).toBe(choice);
  });

  test('tells no caller that its body was slow', async () => {
    const read = new Promise((resolve) => {
      const server = createServer((req) => {
        void readBody(req, { bytesMax: 1_000, silentMs: 100 }).then(resolve);
        standStill(400);
      });
      atEnd(() => void server.close().closeAllConnections());
      server.listen(0, '127.0.0.1', () => {
        const { port } = server.address() as AddressInfo;
        const sender = `const { connect } = require('node:net');
          const head = 'POST / HTTP/1.1\\r\\nhost: x\\r\\ncontent-length: 2\\r\\n\\r\\n';
          const socket = connect(${port}, '127.0.0.1', () => { socket.write(head); setTimeout(() => socket.write('ab'), 60); });
          socket.on('error', () => undefined);`;
        const worker = new Worker(sender, { eval: true });
        atEnd(async () => void (await worker.terminate()));
      });
    });
    expect(await read).toMatchObject({ kind: 'read' });
  });
});

test('what is done when time is over ends nobody else when it throws, and is counted', async () => {
  const before = faults.byPlace['timer'] ?? 0;
  let over = false;
  const deadline = new Deadline(1, () => {
    over = true;
    throw new Error('as no code of its own would');
  });
  await eventually(() => over);
  deadline.stop();
  expect(faults.byPlace['timer']).toBe(before + 1);
});
