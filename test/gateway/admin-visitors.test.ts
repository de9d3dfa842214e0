/** Who may change routes, and that the audit says who it was. */
import { afterEach, expect, test } from 'vitest';
import { readGatewayState } from '../../src/control/gateway-state.js';
import { openGateway } from '../../src/traffic/gateway.js';
import { authority, type Authority, type Signed } from './certificates.js';
import { gateway, service, stopAll, tempDir, type Lab } from './kit.js';

afterEach(stopAll);

const chat = service({ a: 'http://127.0.0.1:1', b: 'http://127.0.0.1:1' }, { a: 100, b: 0 });

interface Scene {
  readonly lab: Lab;
  readonly ours: Authority;
  readonly controller: Signed;
  readonly stranger: Signed;
}

async function scene(adminToken: string | null = null): Promise<Scene> {
  const dir = tempDir();
  const ours = authority(dir, 'ours');
  const adminTls = { ...ours.sign('gateway'), clientCa: ours.ca };
  const lab = await gateway([chat], { adminTls, adminToken });
  return { lab, ours, controller: ours.sign('controller'), stranger: authority(dir, 'theirs').sign('controller') };
}

const changes = (lab: Lab): object[] => lab.lines.filter((line) => line['event'] === 'route-changed');

test('a certificate of our authority opens the admin API, and the audit has its name', async () => {
  const { lab, ours, controller } = await scene();
  const tls = { ca: ours.ca, ...controller };
  const layer = openGateway({ adminUrl: lab.adminUrl, token: null, tls, timeoutMs: 5_000 });
  expect(lab.adminUrl).toMatch(/^https:/);
  await layer.write('chat', { a: 0, b: 100 }, { epoch: 4 });
  const by = { by: 'certificate controller', from: '127.0.0.1', epochBefore: 0, epochAfter: 4 };
  expect(changes(lab)).toEqual([expect.objectContaining(by)]);
  expect([...(await readGatewayState({ urls: [lab.adminUrl], token: null, tls })).services.keys()]).toEqual(['chat']);
});

test('no certificate, or one of another authority, opens nothing; nor does plain HTTP', async () => {
  const { lab, ours, stranger } = await scene();
  const shown = [{ ca: ours.ca }, { ca: ours.ca, ...stranger }, undefined];
  for (const tls of shown) {
    const layer = openGateway({ adminUrl: lab.adminUrl, token: null, tls, timeoutMs: 5_000 });
    await expect(layer.read('chat')).rejects.toMatchObject({ code: 'layer-unreachable' });
  }
  const plain = openGateway({ adminUrl: lab.adminUrl.replace('https', 'http'), token: null, timeoutMs: 5_000 });
  await expect(plain.read('chat')).rejects.toMatchObject({ code: 'layer-unreachable' });
  expect(changes(lab)).toEqual([]);
});

test('a gateway of another authority is not talked to', async () => {
  const { lab, controller } = await scene();
  const tls = { ca: authority(tempDir(), 'else').ca, ...controller };
  const layer = openGateway({ adminUrl: lab.adminUrl, token: null, tls, timeoutMs: 5_000 });
  await expect(layer.read('chat')).rejects.toMatchObject({ code: 'layer-unreachable' });
});

test('where both are asked for, a certificate alone is not enough', async () => {
  const { lab, ours, controller } = await scene('s3cret');
  const tls = { ca: ours.ca, ...controller };
  const layer = (token: string | null): ReturnType<typeof openGateway> =>
    openGateway({ adminUrl: lab.adminUrl, token, tls, timeoutMs: 5_000 });
  await expect(layer(null).read('chat')).rejects.toMatchObject({ code: 'bad-config' });
  expect(await layer('s3cret').read('chat')).toMatchObject({ epoch: 0 });
});

test('the audit tells a token from nobody in particular', async () => {
  const change = { epoch: 1, weights: { a: 50, b: 50 } };
  const open = await gateway([chat]);
  await open.admin('PUT', '/routes/chat', change);
  expect(changes(open)).toEqual([expect.objectContaining({ by: 'anybody' })]);
  const guarded = await gateway([chat], { adminToken: 's3cret' });
  await guarded.admin('PUT', '/routes/chat', change, { authorization: 'Bearer s3cret' });
  expect(changes(guarded)).toEqual([expect.objectContaining({ by: 'admin-token', epochBefore: 0, epochAfter: 1 })]);
});

test('beyond this machine it listens only where it asks who comes', async () => {
  const refused = { code: 'bad-input', message: expect.stringContaining('--admin-client-ca') as string };
  await expect(gateway([], { adminHost: '0.0.0.0' })).rejects.toMatchObject(refused);
  const ours = authority(tempDir(), 'ours');
  const signed = ours.sign('gateway');
  const encrypted = { adminHost: '0.0.0.0', adminTls: signed };
  await expect(gateway([], encrypted)).rejects.toMatchObject(refused);
  await gateway([], { adminHost: '0.0.0.0', adminToken: 's3cret' });
  await gateway([], { adminHost: '0.0.0.0', adminTls: { ...signed, clientCa: ours.ca } });
});
