/** Clusters behind certificates: only one that proves its name hears anything, also where a session is resumed. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { createServer, type TlsOptions, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { authority, type Authority } from '../certificates.js';
import { atEnd, stopAll, tempDir } from '../kit.js';
import { answered } from './wire.js';

afterEach(stopAll);

const ROOT = resolve(import.meta.dirname, '../../..');

interface TlsCluster {
  readonly port: number;
  /** What it read, decrypted, connection by connection. */
  readonly got: string[];
  readonly seen: { readonly name: unknown; readonly resumed: boolean; readonly protocol: unknown }[];
}

/** Answers every request, and closes the connection where it says so. */
async function cluster(by: Authority, headers: string, options: TlsOptions = {}): Promise<TlsCluster> {
  const got: string[] = [];
  const seen: TlsCluster['seen'][number][] = [];
  const server = createServer({ ...by.sign('cluster'), ALPNProtocols: ['h2', 'http/1.1'], ...options });
  server.on('secureConnection', (socket: TLSSocket) => {
    const n = got.push('') - 1;
    seen.push({ name: socket.servername, resumed: socket.isSessionReused(), protocol: socket.alpnProtocol });
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      got[n] += bytes.toString();
      if (bytes.toString().endsWith('secret')) socket.write(answered('ok', headers));
    });
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0);
  await once(server, 'listening');
  atEnd(() => void server.close());
  return { port: (server.address() as AddressInfo).port, got, seen };
}

async function askOf(origins: readonly string[], believes: Authority): Promise<string[]> {
  const ca = join(tempDir(), 'ca.pem');
  writeFileSync(ca, believes.ca);
  const args = ['--import', 'tsx', join(import.meta.dirname, 'ask-here.ts'), ...origins];
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: ca };
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, env });
  return JSON.parse(stdout) as string[];
}

const CLOSES = 'connection: close\r\n';

test('a cluster with a certificate is asked, by its name, over one connection', async () => {
  const ours = authority(tempDir(), 'ours');
  const { port, got, seen } = await cluster(ours, '');
  const origins = [`https://localhost:${port}`, `https://localhost:${port}`, `https://127.0.0.1:${port}`];
  expect(await askOf(origins, ours)).toEqual(['ok', 'ok', 'ok']);
  expect(seen).toEqual([
    { name: 'localhost', resumed: false, protocol: 'http/1.1' },
    { name: false, resumed: false, protocol: 'http/1.1' },
  ]);
  expect(got[0]?.match(/POST \/ HTTP\/1\.1\r\nhost: localhost:/g)).toHaveLength(2);
});

test('a further connection takes up the session of one that was proven', async () => {
  const ours = authority(tempDir(), 'ours');
  const { port, seen } = await cluster(ours, CLOSES);
  const origin = `https://localhost:${port}`;
  expect(await askOf([origin, origin], ours)).toEqual(['ok', 'ok']);
  expect(seen.map(({ resumed }) => resumed)).toEqual([false, true]);
});

test.each(['TLSv1.2', 'TLSv1.3'] as const)('who is not believed hears nothing, at no try: %s', async (version) => {
  const ours = authority(tempDir(), 'ours');
  const only = { minVersion: version, maxVersion: version };
  const stranger = await cluster(authority(tempDir(), 'others'), CLOSES, only);
  const misnamed = await cluster(ours, CLOSES, only);
  const [a, b] = [`https://127.0.0.1:${stranger.port}`, `https://127.0.0.2:${misnamed.port}`];
  const [strange, wrong] = ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'ERR_TLS_CERT_ALTNAME_INVALID'];
  expect(await askOf([a, a, a, b, b, b], ours)).toEqual([strange, strange, strange, wrong, wrong, wrong]);
  expect([...stranger.got, ...misnamed.got].join('')).toBe('');
});
