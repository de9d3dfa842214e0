import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { gateway, service, stopAll, tempDir, type Lab } from './kit.js';

afterEach(stopAll);

const NOWHERE = { a: 'http://127.0.0.1:1', b: 'http://127.0.0.1:1/prefix/' };
const chat = (): ReturnType<typeof service> => service(NOWHERE, { a: 100, b: 0 });
const put = async (lab: Lab, epoch: number, weights: unknown): ReturnType<Lab['admin']> =>
  await lab.admin('PUT', '/routes/chat', { epoch, weights });

describe('writing weights', () => {
  test('takes the epoch, is audited, and is on disk when answered', async () => {
    const dataDir = tempDir();
    const lab = await gateway([chat()], { dataDir });
    const { status, body } = await put(lab, 3, { a: 75, b: 25 });
    expect(status).toBe(200);
    expect(body).toMatchObject({ epoch: 3, intended: { a: 75, b: 25 }, effective: { a: 75, b: 25 } });
    expect(lab.lines.at(-1)).toMatchObject({
      event: 'route-changed',
      verb: 'PUT /routes/chat',
      epoch: 3,
      weights: { a: 75, b: 25 },
    });
    expect(readFileSync(join(dataDir, 'gateway-routes.json'), 'utf8')).toContain('"epoch":3');
    await lab.close(0);
    const again = await gateway([chat()], { dataDir });
    expect(await again.state()).toMatchObject({ epoch: 3, intended: { a: 75, b: 25 } });
  });

  test('with a smaller epoch is refused and changes nothing; with an equal one it may be repeated', async () => {
    const lab = await gateway([chat()]);
    await put(lab, 5, { a: 0, b: 100 });
    const before = await lab.state();
    expect(await put(lab, 4, { a: 100 })).toMatchObject({ status: 409, body: { code: 'stale-epoch', epoch: 5 } });
    expect(await lab.state()).toEqual(before);
    expect((await put(lab, 5, { a: 0, b: 100 })).status).toBe(200);
    expect((await lab.state()).changedAtMs).toBe(before.changedAtMs);
  });

  test.each<[string, unknown]>([
    ['an unknown cluster', { epoch: 1, weights: { x: 100 } }],
    ['all zero', { epoch: 1, weights: { a: 0, b: 0 } }],
    ['a sum below 100', { epoch: 1, weights: { a: 50, b: 49.9 } }],
    ['a sum above 100', { epoch: 1, weights: { a: 100, b: 1 } }],
    ['a negative weight', { epoch: 1, weights: { a: 110, b: -10 } }],
    ['a weight that is no number', { epoch: 1, weights: { a: '100' } }],
    ['no epoch', { weights: { a: 100 } }],
    ['a broken epoch', { epoch: 1.5, weights: { a: 100 } }],
    ['no JSON', '{'],
    ['a list', []],
  ])('refuses %s', async (_name, body) => {
    const lab = await gateway([chat()]);
    expect(await lab.admin('PUT', '/routes/chat', body)).toMatchObject({ status: 400, body: { code: 'bad-input' } });
    expect(await lab.state()).toMatchObject({ epoch: 0, intended: { a: 100, b: 0 } });
  });

  test('thirds are a hundred', async () => {
    const lab = await gateway([service({ a: NOWHERE.a, b: NOWHERE.a, c: NOWHERE.a }, { a: 100 })]);
    expect((await put(lab, 1, { a: 33.33, b: 33.33, c: 33.33 })).status).toBe(200);
  });
});

describe('defining a service', () => {
  test('again keeps its weights and its epoch', async () => {
    const lab = await gateway([chat()]);
    await put(lab, 2, { a: 25, b: 75 });
    const { body } = await lab.admin('PUT', '/services/chat', { ...chat(), strategy: 'weighted' });
    expect(body).toMatchObject({ epoch: 2, intended: { a: 25, b: 75 } });
  });

  test('without a member gives its share to those that stay, and never nobody anything', async () => {
    const three = service({ a: NOWHERE.a, b: NOWHERE.a, c: NOWHERE.a }, { a: 100 });
    const lab = await gateway([three]);
    await put(lab, 1, { a: 50, b: 30, c: 20 });
    const two = { ...three, members: three.members.slice(1), home: { b: 100 } };
    expect((await lab.admin('PUT', '/services/chat', two)).body).toMatchObject({ intended: { b: 60, c: 40 } });
    await put(lab, 1, { b: 0, c: 100 });
    const one = { ...three, members: three.members.slice(1, 2), home: { b: 100 } };
    expect((await lab.admin('PUT', '/services/chat', one)).body).toMatchObject({ intended: { b: 100 } });
  });

  test.each<[string, object]>([
    ['another name than the path’s', { ...chat(), service: 'other' }],
    ['no members', { ...chat(), members: [] }],
    ['a file URL', service({ a: 'file:///etc/passwd' }, { a: 100 })],
    ['a cluster twice', { ...chat(), members: [...chat().members, ...chat().members] }],
    ['a home of zero', { ...chat(), service: 'chat', home: { a: 0 } }],
  ])('with %s is refused', async (_name, body) => {
    const lab = await gateway([]);
    expect(await lab.admin('PUT', '/services/chat', body)).toMatchObject({ status: 400, body: { code: 'bad-input' } });
    expect((await lab.admin('GET', '/state')).body['services']).toEqual({});
  });

  test.each(['constructor', '__proto__', 'toString'])(
    'the name %s is a name like any other, or refused',
    async (name) => {
      const lab = await gateway([]);
      expect((await lab.admin('GET', `/state/${name}`)).status).toBe(404);
      const { status } = await lab.admin('PUT', `/services/${name}`, { ...chat(), service: name });
      expect([200, 400]).toContain(status);
      expect((await lab.admin('GET', `/state/${name}`)).status).toBe(status === 200 ? 200 : 404);
    },
  );
});

test('a drain that would leave nobody is refused', async () => {
  const lab = await gateway([chat()]);
  expect((await lab.admin('POST', '/drain/chat', { epoch: 1, cluster: 'a', rehome: false })).status).toBe(200);
  expect(await lab.admin('POST', '/drain/chat', { epoch: 1, cluster: 'b' })).toMatchObject({
    status: 400,
    body: { code: 'bad-input' },
  });
  expect(await lab.state()).toMatchObject({ intended: { a: 100, b: 0 }, effective: { a: 0, b: 100 } });
});

test('a table that cannot be read is moved aside, loudly, and everybody starts at home', async () => {
  const dataDir = tempDir();
  writeFileSync(join(dataDir, 'gateway-routes.json'), '{"version":1,"services":{"chat":');
  const lab = await gateway([chat()], { dataDir });
  expect(await lab.state()).toMatchObject({ epoch: 0, intended: { a: 100, b: 0 } });
  expect(lab.lines[0]).toMatchObject({ event: 'table-corrupt' });
  expect(readdirSync(dataDir).some((name) => name.includes('.corrupt-'))).toBe(true);
});

test('without its token the admin API tells and changes nothing', async () => {
  const lab = await gateway([chat()], { adminToken: 's3cret' });
  for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: 's3cret' }] as Record<
    string,
    string
  >[]) {
    expect((await lab.admin('GET', '/state', undefined, headers)).status).toBe(401);
    expect((await lab.admin('PUT', '/routes/chat', { epoch: 9, weights: { b: 100 } }, headers)).status).toBe(401);
  }
  const { body } = await lab.admin('GET', '/state/chat', undefined, { authorization: 'Bearer s3cret' });
  expect(body).toMatchObject({ epoch: 0 });
  expect(JSON.stringify(lab.lines)).not.toContain('s3cret');
});

test('a huge body and an unknown verb are answered, not obeyed', async () => {
  const lab = await gateway([chat()]);
  expect((await lab.admin('PUT', '/routes/chat', ' '.repeat(300_000))).status).toBe(413);
  expect((await lab.admin('PATCH', '/routes/chat')).status).toBe(404);
  expect((await lab.admin('GET', '/state/none')).body).toMatchObject({ code: 'unknown-service' });
});

test.each(['constructor', 'toString', 'valueOf', '__proto__', 'hasOwnProperty'])(
  'what every object has is no verb and no service: %s',
  async (word) => {
    const lab = await gateway([chat()], { adminToken: 'secret-of-the-admin' });
    const headers = { authorization: 'Bearer secret-of-the-admin' };
    const looked = await lab.admin('GET', `/${word}/chat`, undefined, headers);
    expect(looked).toMatchObject({ status: 404, body: { code: 'not-found' } });
    for (const noun of ['state', 'hot'])
      expect(await lab.admin('GET', `/${noun}/${word}`, undefined, headers)).toMatchObject({ status: 404 });
    const wrote = await lab.admin('PUT', `/fence/${word}`, { epoch: 1 }, headers);
    expect(wrote).toMatchObject({ status: 404, body: { code: 'unknown-service' } });
  },
);
