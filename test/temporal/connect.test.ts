import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { connectWorker, credentialsFrom } from '../../src/temporal/connect.js';
import { freePorts } from '../../src/temporal/ports.js';

const folder = mkdtempSync(join(tmpdir(), 'understudy-connect-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string): string => {
  writeFileSync(join(folder, name), name);
  return join(folder, name);
};

test.each<[string, NodeJS.ProcessEnv, object]>([
  ['nothing set: plain text, nobody named', {}, {}],
  ['an API key', { TEMPORAL_API_KEY: 'k' }, { apiKey: 'k' }],
  ['TLS asked for', { TEMPORAL_TLS: 'true' }, { tls: true }],
  ['TLS switched off beats certificates', { TEMPORAL_TLS: 'false', TEMPORAL_TLS_SERVER_NAME: 'x' }, { tls: false }],
  ['a server name alone asks for TLS', { TEMPORAL_TLS_SERVER_NAME: 'x' }, { tls: { serverNameOverride: 'x' } }],
  [
    'certificates of both sides',
    {
      TEMPORAL_TLS_CLIENT_CERT_PATH: file('crt'),
      TEMPORAL_TLS_CLIENT_KEY_PATH: file('key'),
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: file('ca'),
    },
    {
      tls: {
        clientCertPair: { crt: Buffer.from('crt'), key: Buffer.from('key') },
        serverRootCACertificate: Buffer.from('ca'),
      },
    },
  ],
])('%s', (_what, env, credentials) => expect(credentialsFrom(env)).toEqual(credentials));

test('half a client certificate is refused', () => {
  expect(() => credentialsFrom({ TEMPORAL_TLS_CLIENT_CERT_PATH: file('crt') })).toThrow('belong together');
});

test('a certificate that cannot be read is named by its variable', () => {
  expect(() => credentialsFrom({ TEMPORAL_TLS_SERVER_CA_CERT_PATH: join(folder, 'nowhere') })).toThrow(
    expect.objectContaining({
      code: 'bad-config',
      message: expect.stringContaining('TEMPORAL_TLS_SERVER_CA_CERT_PATH'),
    }),
  );
});

test('a worker without a server gives up at its deadline and names the address', async () => {
  const [port = 0] = await freePorts(1);
  await expect(
    connectWorker({ address: `127.0.0.1:${port}`, namespace: 'default', deadlineMs: 500 }),
  ).rejects.toMatchObject({
    code: 'temporal-unreachable',
    message: expect.stringContaining(`127.0.0.1:${port}`),
  });
});
