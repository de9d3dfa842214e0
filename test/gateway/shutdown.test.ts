/** How a gateway goes: it says so, serves on, closes its port, lets answers finish, and tells the rest why they end. */
import type { ServerResponse } from 'node:http';
import { Agent, request } from 'node:http';
import { performance } from 'node:perf_hooks';
import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '../kit/eventually.js';
import { gatewayProcess, type GatewayProcess } from './gateway-process.js';
import { gateway, service, stopAll, upstream, type Lab } from './kit.js';
import { openStream } from './read-stream.js';
import { answerAs, beginStream, delta, finish, frame, hang, role, type Behaviour } from './upstream.js';

afterEach(stopAll);

const one = async (behaviour: Behaviour): Promise<Lab> => {
  const a = await upstream(behaviour);
  return await gateway([service({ a: a.url }, { a: 100 })]);
};
const begun: Behaviour = (_request, res) => beginStream(res, frame(role) + frame(delta('one ')));
const begunResponse: Behaviour = (_request, res) =>
  beginStream(res, frame({ type: 'response.output_text.delta', delta: 'one ' }));
const CHAT = { model: 'chat', messages: [] };

describe('before its port closes', () => {
  test('it is alive but not ready, and serves whoever comes', async () => {
    const lab = await one(answerAs('a'));
    await lab.announceEnd();
    const ready = await fetch(`${lab.url}/readyz`);
    expect([ready.status, ready.headers.get('connection')]).toEqual([503, 'close']);
    expect(await ready.json()).toEqual({ status: 'closing', reason: expect.stringContaining('stopped'), services: 1 });
    expect((await fetch(`${lab.url}/healthz`)).status).toBe(200);
    const answer = await lab.chat();
    expect([answer.status, answer.headers.get('connection')]).toEqual([200, 'close']);
  });
});

describe('when the grace is over', () => {
  test.each<[string, Behaviour, string]>([
    ['a stream', begun, '/v1/chat/completions'],
    ['a stream of the Responses API', begunResponse, '/v1/responses'],
  ])('%s that has begun ends with an error that says why', async (_name, behaviour, path) => {
    const lab = await one(behaviour);
    const stream = await openStream(lab.url, { ...CHAT, stream: true, input: 'x' }, path);
    await lab.close(100);
    await stream.rest();
    expect(stream.seen.errors).toEqual([
      { type: 'upstream_cut', code: 'stream-cut', message: expect.stringContaining('being stopped') },
    ]);
    expect(stream.seen.dones).toBe(0);
  });

  test('a request without an answer is told to come again', async () => {
    const lab = await one(hang);
    const asked = lab.chat();
    await eventually(async () => (await lab.state()).callers !== 'unknown' && (await inFlight(lab)) === 1);
    const closed = lab.close(100);
    const answer = await asked;
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await answer.json()).toMatchObject({ error: { type: 'unavailable', code: 'shutting-down' } });
    await closed;
  });

  test('no cluster is blamed for it', async () => {
    const [a, b] = [await upstream(begun), await upstream(begun)];
    const lab = await gateway([service({ a: a.url, b: b.url }, { a: 100, b: 0 })]);
    const open = await Promise.all([1, 2, 3].map(async () => await openStream(lab.url, { ...CHAT, stream: true })));
    await Promise.all(open.map(async (stream) => await stream.tokens(1)));
    await lab.close(100);
    expect(lab.lines.filter(({ event }) => event === 'cluster-ejected')).toEqual([]);
  });
});

const inFlight = async (lab: Lab): Promise<unknown> => (await lab.state()).clusters['a']?.inFlight;

test('a connection that its caller keeps does not hold it up', async () => {
  const streams: ServerResponse[] = [];
  const lab = await one((_request, res) => {
    beginStream(res, frame(role) + frame(delta('one ')));
    streams.push(res);
  });
  const agent = new Agent({ keepAlive: true });
  const ended = new Promise<void>((resolve) => {
    const order = { method: 'POST', agent, headers: { 'content-type': 'application/json' } };
    request(`${lab.url}/v1/chat/completions`, order, (res) => res.resume().on('end', resolve)).end(
      JSON.stringify({ ...CHAT, stream: true }),
    );
  });
  await eventually(() => streams.length === 1);
  const startedAtMs = performance.now();
  const closed = lab.close(30_000);
  streams[0]?.end(frame(finish('stop')) + frame('[DONE]'));
  await ended;
  await closed;
  expect(performance.now() - startedAtMs).toBeLessThan(15_000);
  agent.destroy();
});

const TWO = ['--workers', '2'];

describe.each<[string, readonly string[], 'parent' | 'group']>([
  ['one process', [], 'parent'],
  ['workers', TWO, 'parent'],
  ['workers that a service manager signals too', TWO, 'group'],
])('SIGTERM, with %s', (_name, args, to) => {
  const terminate = (running: GatewayProcess): void => {
    for (const pid of to === 'group' ? running.workers() : []) process.kill(pid, 'SIGTERM');
    running.kill('SIGTERM');
  };

  test('is told to load balancers first, and then lets streams finish', async () => {
    const streams: ServerResponse[] = [];
    const a = await upstream((asked, res) => {
      if (!asked.body.includes('"stream":true')) return answerAs('a')(asked, res);
      begun(asked, res);
      streams.push(res);
    });
    const shutdown = { delay: '2s', grace: '20s' };
    const running = await gatewayProcess({ members: { a: a.url }, args, gateway: { shutdown } });
    const open = await openStream(running.url, { ...CHAT, stream: true });
    const statusOf = async (path: string): Promise<number | 'closed'> =>
      await fetch(running.url + path).then(
        ({ status }) => status,
        () => 'closed',
      );
    expect(await statusOf('/readyz')).toBe(200);
    terminate(running);
    const seen = new Set<number | 'closed'>();
    const served: (number | 'closed')[] = [];
    await eventually(async () => {
      const status = await statusOf('/readyz');
      seen.add(status);
      if (status === 503) served.push(await statusOf('/v1/models'));
      return status === 'closed';
    }, 15_000);
    expect([...seen].filter((status) => status !== 200)).toEqual([503, 'closed']);
    expect(served[0]).toBe(200);
    streams[0]?.end(frame(finish('stop')) + frame('[DONE]'));
    await open.rest();
    expect(open.seen.dones).toBe(1);
    expect(await running.ended).toBe(0);
  }, 90_000);

  test('a second time ends everything at once', async () => {
    const a = await upstream(begun);
    const shutdown = { delay: '60s', grace: '60s' };
    const running = await gatewayProcess({ members: { a: a.url }, args, gateway: { shutdown } });
    const open = await openStream(running.url, { ...CHAT, stream: true });
    terminate(running);
    await eventually(() => running.lines.some(({ event }) => event === 'stopping'));
    await eventually(async () => (await fetch(`${running.url}/readyz`)).status === 503);
    running.kill('SIGINT');
    expect(await running.ended).toBe(130);
    await expect(open.rest()).rejects.toThrow();
    await eventually(
      async () =>
        await fetch(`${running.url}/healthz`).then(
          () => false,
          () => true,
        ),
      5_000,
    );
  }, 90_000);
});
