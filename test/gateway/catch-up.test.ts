import { afterEach, expect, test } from 'vitest';
import { freshest } from '../../src/gateway/routes/catch-up.js';
import type { RouteTable, ServiceRoute } from '../../src/gateway/routes/route-table.js';
import { gateway, service, stopAll, tempDir, type Lab } from './kit.js';

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
