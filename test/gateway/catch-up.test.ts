import { afterEach, expect, test } from 'vitest';
import { freshest } from '../../src/gateway/routes/catch-up.js';
import { tableFile } from '../../src/gateway/routes/table-file.js';
import type { RouteTable, ServiceRoute } from '../../src/gateway/routes/route-table.js';
import { eventually } from '../kit/eventually.js';
import { freePorts } from '../kit/ports.js';
import { gatewayProcess } from './gateway-process.js';
import { gateway, service, stopAll, tempDir, upstream, type Lab } from './kit.js';
import { hang, type Behaviour, type Upstream } from './upstream.js';

afterEach(stopAll);

const NOWHERE = { a: 'http://127.0.0.1:1', b: 'http://127.0.0.1:1' };
const chat = (): ReturnType<typeof service> => service(NOWHERE, { a: 100, b: 0 });
const event = (lab: Lab, name: string): unknown => lab.lines.find((line) => line['event'] === name);

test('a gateway that was away has its peer’s table before it serves', async () => {
  const dataDir = tempDir();
  const peer = await gateway([chat()]);
  const first = await gateway([chat()], { dataDir });
  await first.close(0);
  await peer.admin('PUT', '/routes/chat', { epoch: 7, weights: { a: 0, b: 100 } });
  await peer.admin('POST', '/drain/chat', { epoch: 7, cluster: 'a' });

  const back = await gateway([chat()], { dataDir, peers: [first.adminUrl, peer.adminUrl] });
  expect(await back.state()).toMatchObject({
    epoch: 7,
    intended: { a: 0, b: 100 },
    clusters: { a: { drained: true } },
  });
  expect(event(back, 'caught-up')).toMatchObject({ from: [peer.adminUrl] });
  await back.close(0);
  const again = await gateway([chat()], { dataDir }); // it is on disk as well
  expect(await again.state()).toMatchObject({ epoch: 7 });
});

/** Its table is not heard before the test says so. */
const slowPeer = async (): Promise<Upstream> => await upstream(hang);
const tells: Behaviour = (_request, res) => res.end(JSON.stringify(tableFile({})));

test('until it has it, its port is open: it is alive, not ready, and refuses requests in their own language', async () => {
  const peer = await slowPeer();
  const [port = 0] = await freePorts(1);
  const starting = gateway([chat()], { port, peers: [peer.url] });
  await eventually(() => peer.requests.length > 0);
  const url = `http://127.0.0.1:${port}`;
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  const ready = await fetch(`${url}/readyz`);
  expect(ready.status).toBe(503);
  expect(await ready.json()).toMatchObject({ status: 'catching-up', reason: expect.stringContaining('route table') });
  const body = JSON.stringify({ model: 'chat', messages: [] });
  const refused = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body });
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
  expect(await refused.json()).toMatchObject({ error: { type: 'unavailable', code: 'catching-up' } });
  peer.behave(tells);
  const lab = await starting;
  expect(event(lab, 'caught-up')).toBeDefined();
  expect((await fetch(`${lab.url}/readyz`)).status).toBe(200);
});

test('so it is with workers', async () => {
  const peer = await slowPeer();
  const [port = 0] = await freePorts(1);
  const args = ['--workers', '2', '--port', String(port), '--peer', peer.url];
  const starting = gatewayProcess({ members: NOWHERE, args });
  const statusOf = async (path: string): Promise<number> =>
    await fetch(`http://127.0.0.1:${port}${path}`).then(
      ({ status }) => status,
      () => 0,
    );
  await eventually(() => peer.requests.length > 0, 60_000);
  expect(await Promise.all(['/healthz', '/readyz', '/v1/models'].map(statusOf))).toEqual([200, 503, 503]);
  peer.behave(tells);
  await starting;
  expect(await Promise.all(['/healthz', '/readyz', '/v1/models'].map(statusOf))).toEqual([200, 200, 200]);
}, 90_000);

test('without any peer it serves by its own table, loudly', async () => {
  const gone = await gateway([]);
  await gone.close(0);
  const alone = await gateway([chat()], { peers: [gone.adminUrl] });
  expect(await alone.state()).toMatchObject({ epoch: 0, intended: { a: 100, b: 0 } });
  expect(event(alone, 'catch-up-failed')).toMatchObject({ why: [expect.stringContaining('ECONNREFUSED')] });
});

test('a peer tells its table only for the token', async () => {
  const peer = await gateway([chat()], { adminToken: 's3cret' });
  await peer.admin('PUT', '/routes/chat', { epoch: 7, weights: { b: 100 } }, { authorization: 'Bearer s3cret' });
  const stranger = await gateway([chat()], { peers: [peer.adminUrl], adminToken: 'other' });
  expect(event(stranger, 'catch-up-failed')).toMatchObject({ why: [expect.stringContaining('401')] });
  const friend = await gateway([chat()], { peers: [peer.adminUrl], adminToken: 's3cret' });
  const { body } = await friend.admin('GET', '/state/chat', undefined, { authorization: 'Bearer s3cret' });
  expect(body).toMatchObject({ epoch: 7 });
});

const route = (epoch: number, a: number, changedAtMs = 1): ServiceRoute => ({
  definition: chat(),
  epoch,
  step: 0,
  weights: { a, b: 100 - a },
  drained: [],
  spill: null,
  changedAtMs,
});

test.each<[string, RouteTable, readonly RouteTable[], Record<string, number>]>([
  ['a peer’s larger epoch', { chat: route(1, 1) }, [{ chat: route(2, 2) }], { chat: 2 }],
  ['a peer’s equal epoch: it was there', { chat: route(2, 1, 9) }, [{ chat: route(2, 2) }], { chat: 2 }],
  ['its own larger epoch', { chat: route(3, 1) }, [{ chat: route(2, 2) }], { chat: 1 }],
  ['of two peers the larger epoch', {}, [{ chat: route(2, 2) }, { chat: route(3, 3) }], { chat: 3 }],
  ['of equals the later change', {}, [{ chat: route(2, 2, 5) }, { chat: route(2, 3, 4) }], { chat: 2 }],
  ['what every peer has forgotten is forgotten', { old: route(1, 1) }, [{ chat: route(2, 2) }], { chat: 2 }],
  ['what one peer has is there', {}, [{ chat: route(2, 2) }, { other: route(1, 3) }], { chat: 2, other: 3 }],
  ['peers that know nothing at all know no better', { chat: route(1, 1) }, [{}], { chat: 1 }],
])('%s', (_name, own, peers, weights) => {
  const table = freshest(own, peers);
  expect(Object.fromEntries(Object.entries(table).map(([name, r]) => [name, r.weights['a']]))).toEqual(weights);
});
