import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { ServiceDefinition, TrafficState } from '../../src/domain/traffic.js';
import { openGateways } from '../../src/traffic/gateway-replicas.js';
import type { TrafficLayer } from '../../src/traffic/traffic-layer.js';
import { atEnd, gateway, service, stopAll, tempDir, upstream, type Lab } from '../gateway/kit.js';
import { answerAs, beginStream, delta, finish, frame, hang, role, type Behaviour } from '../gateway/upstream.js';
import { trafficContract, type OpenLayer } from './contract.js';

/** Two gateways before the same clusters; callers come to them in turn. */
async function open(): Promise<OpenLayer> {
  const streams: ServerResponse[] = [];
  const behaviour =
    (name: string): Behaviour =>
    (request, res) => {
      if (!request.body.includes('"stream":true')) {
        answerAs(name)(request, res);
        return;
      }
      beginStream(res, frame(role) + frame(delta('a')));
      streams.push(res);
    };
  const clusters = { a: await upstream(behaviour('a')), b: await upstream(behaviour('b')) };
  const labs = [await gateway([]), await gateway([])];
  const layer = openGateways({ adminUrls: labs.map((lab) => lab.adminUrl), token: null, timeoutMs: 2_000 });
  const definition = service({ a: clusters.a.url, b: clusters.b.url }, { a: 100, b: 0 });
  await layer.define(definition);
  const of = (name: string): (typeof clusters)['a'] => (name === 'a' ? clusters.a : clusters.b);
  let turn = 0;
  const next = (): Lab => labs[turn++ % labs.length]!;
  return {
    layer,
    definition,
    request: async () => ((await (await next().chat()).json()) as { from: string }).from,
    stream: async () => {
      const answer = await next().chat({ stream: true });
      return { cluster: answer.headers.get('x-understudy-cluster') ?? '', text: answer.text() };
    },
    finishStreams: () => {
      for (const res of streams) res.end(frame(finish('stop')) + frame('[DONE]'));
    },
    hang: (name) => of(name).behave(hang),
    waitingAt: (name) => of(name).requests.filter((r) => !r.aborted).length,
    close: stopAll,
  };
}

trafficContract('two gateways', open);

afterEach(stopAll);

const chat: ServiceDefinition = service({ a: 'http://127.0.0.1:1', b: 'http://127.0.0.1:1' }, { a: 100, b: 0 });
const layerOf = (...urls: readonly string[]): TrafficLayer =>
  openGateways({ adminUrls: urls, token: null, timeoutMs: 1_000 });
const standings = ({ replicas }: TrafficState): unknown => replicas?.map(({ standing }) => standing);

/** Listens and never answers, as a frozen gateway does. */
async function frozen(): Promise<string> {
  const server: Server = createServer(() => undefined);
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a write goes on without a replica that is gone, which is named; what it runs is unknown', async () => {
  const [here, gone] = [await gateway([chat]), await gateway([chat])];
  const layer = layerOf(here.adminUrl, gone.adminUrl);
  expect(standings(await layer.write('chat', { a: 100, b: 0 }, { epoch: 1 }))).toEqual(['holds', 'holds']);
  await gone.close(0);
  const state = await layer.write('chat', { a: 0, b: 100 }, { epoch: 2 });
  expect(state).toMatchObject({ epoch: 2, intended: { b: 100 }, clusters: { a: { inFlight: 'unknown' } } });
  expect(standings(state)).toEqual(['holds', 'away']);
  expect(state.replicas?.[1]).toMatchObject({ name: new URL(gone.adminUrl).host });
  await here.close(0);
  await expect(layer.read('chat')).rejects.toMatchObject({ code: 'layer-unreachable' });
});

test('a frozen replica holds up the first order only', async () => {
  const here = await gateway([chat]);
  const layer = openGateways({ adminUrls: [here.adminUrl, await frozen()], token: null, timeoutMs: 4_000 });
  expect(standings(await layer.fence('chat', { epoch: 1 }))).toEqual(['holds', 'away']);
  const before = performance.now();
  for (let i = 0; i < 3; i++) await layer.write('chat', { a: 0, b: 100 }, { epoch: 1 });
  expect(performance.now() - before).toBeLessThan(9_000); // three times the patience would be 12 s
});

test('a replica that holds a newer epoch fences the writer', async () => {
  const [here, there] = [await gateway([chat]), await gateway([chat])];
  await there.admin('PUT', '/fence/chat', { epoch: 9 });
  const layer = layerOf(here.adminUrl, there.adminUrl);
  await expect(layer.write('chat', { a: 0, b: 100 }, { epoch: 3 })).rejects.toMatchObject({ code: 'stale-epoch' });
});

test('a replica that came back without having caught up is behind until it is written to', async () => {
  const [here, there] = [await gateway([chat]), await gateway([chat])];
  await layerOf(here.adminUrl).write('chat', { a: 0, b: 100 }, { epoch: 3 });
  const layer = layerOf(here.adminUrl, there.adminUrl);
  const state = await layer.read('chat');
  expect(standings(state)).toEqual(['holds', 'behind']);
  expect(state).toMatchObject({ epoch: 0, intended: { a: 100, b: 0 }, effective: { a: 50, b: 50 } });
  expect(standings(await layer.write('chat', { a: 0, b: 100 }, { epoch: 3 }))).toEqual(['holds', 'holds']);
});

test('a replica with an empty disk is defined and written to like any other', async () => {
  const [here, empty] = [await gateway([chat]), await gateway([], { dataDir: tempDir() })];
  const layer = layerOf(here.adminUrl, empty.adminUrl);
  expect(await layer.read('chat')).toMatchObject({ epoch: 0, intended: {} });
  expect(standings(await layer.write('chat', { a: 0, b: 100 }, { epoch: 3 }))).toEqual(['holds', 'behind']);
  await layer.define(chat);
  await layer.write('chat', { a: 0, b: 100 }, { epoch: 3 });
  expect(await layer.read('chat')).toMatchObject({ epoch: 3, intended: { a: 0, b: 100 }, effective: { a: 0, b: 100 } });
});
