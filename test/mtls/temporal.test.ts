/**
 * A Temporal with client certificates, from examples/temporal-mtls as it stands: an instance runs on it, and a local user
 * without a certificate of its authority can do nothing, on whatever port of it.
 */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectClient } from '../../src/temporal/connect.js';
import { findTemporalBinary } from '../../src/temporal/find-binary.js';
import { freePorts } from '../../src/temporal/ports.js';
import { eventually } from '../kit/eventually.js';
import { startInstance, type TestInstance } from '../kit/instance.js';
import { listeningPorts } from '../kit/listening-ports.js';
import { temporalServerBinary } from '../kit/temporal-server.js';

const EXAMPLE = fileURLToPath(new URL('../../examples/temporal-mtls/', import.meta.url));
const BIN = fileURLToPath(new URL('../../bin/understudy.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'understudy-mtls-'));
const certificates = (authority: string, name: string): NodeJS.ProcessEnv => {
  execFileSync(join(EXAMPLE, 'certificates.sh'), [join(folder, authority), name]);
  return {
    TEMPORAL_TLS_CLIENT_CERT_PATH: join(folder, authority, `${name}.pem`),
    TEMPORAL_TLS_CLIENT_KEY_PATH: join(folder, authority, `${name}.key`),
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: join(folder, 'certs', 'ca.pem'),
  };
};

let server: ChildProcess;
let temporal = '';
let address = '';
const certificatePaths = ['ca.pem', 'operator.pem', 'operator.key'].map((name) => join(folder, 'certs', name));
let operator: NodeJS.ProcessEnv;
let instance: TestInstance;

beforeAll(async () => {
  const binary = temporalServerBinary();
  temporal = (await findTemporalBinary({ onLine: () => undefined })).path;
  operator = certificates('certs', 'operator');
  mkdirSync(join(folder, 'data'));
  const ports = await freePorts(8);
  const written = [...readFileSync(join(EXAMPLE, 'server.yaml'), 'utf8').matchAll(/Port: (\d+)/gu)].map(
    (m) => m[1] ?? '',
  );
  const config = written.reduce(
    (text, port, i) => text.replaceAll(port, String(ports[i])),
    readFileSync(join(EXAMPLE, 'server.yaml'), 'utf8')
      .replaceAll('CERTS', join(folder, 'certs'))
      .replaceAll('DATA', join(folder, 'data')),
  );
  writeFileSync(join(folder, 'server.yaml'), config);
  address = `127.0.0.1:${ports[0]}`;
  server = spawn(binary, ['--config-file', join(folder, 'server.yaml'), 'start'], { stdio: 'ignore' });
  await eventually(registered, 120_000);
  instance = await startInstance({ args: ['--temporal', address], env: operator as Record<string, string> });
}, 900_000);

afterAll(async () => {
  await instance.stop();
  server.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** With Temporal's own CLI, as docs/temporal.md says. A server that has just begun refuses for a while. */
async function registered(): Promise<boolean> {
  const tls = ['ca', 'cert', 'key'].flatMap((name, i) => [`--tls-${name}-path`, certificatePaths[i] ?? '']);
  const create = ['operator', 'namespace', 'create', '--namespace', 'default', '--address', address, ...tls];
  spawnSync(temporal, create, { stdio: 'ignore', timeout: 10_000 });
  try {
    const order = { address, namespace: 'default', deadlineMs: 2_000, env: operator };
    await (await connectClient(order)).connection.close();
    return true;
  } catch {
    return false;
  }
}

test('keys are made for their owner alone', () => {
  for (const name of ['ca.key', 'server.key', 'operator.key'])
    expect(statSync(join(folder, 'certs', name)).mode & 0o077).toBe(0);
});

test('an instance runs on it: gateway, workers and verbs show the certificate', async () => {
  const names = instance.info().processes.map(({ name }) => name);
  expect(names).toContain('worker control');
  expect(names).not.toContain('temporal');
  await eventually(async () => (await instance.cli('doctor', '--json')).stdout.includes('"temporal"'));
  const { services } = await instance.json<{ services: { name: string }[] }>('status');
  expect(services.map(({ name }) => name)).toEqual(['chat']);
  await instance.mustWork('freeze', 'chat', '--for', '1h', '--reason', 'test', '--by', 'operator');
});

describe('a local user', () => {
  const visitors: [string, () => NodeJS.ProcessEnv][] = [
    ['in plain text', () => ({ TEMPORAL_TLS: 'false' })],
    ['with TLS and no certificate', () => ({ TEMPORAL_TLS_SERVER_CA_CERT_PATH: join(folder, 'certs', 'ca.pem') })],
    ['with a certificate of another authority', () => certificates('foreign', 'stranger')],
  ];

  test.each(visitors)('%s: no port of it takes anything', async (_, environment) => {
    const env = environment();
    const ports = listeningPorts(server.pid ?? 0);
    expect(ports.length).toBeGreaterThanOrEqual(8);
    const attempts = ports.map(async (port) => {
      const at = `localhost:${port}`;
      const { client, connection } = await connectClient({ address: at, namespace: 'default', deadlineMs: 3_000, env });
      try {
        await client.workflow.getHandle('service/chat').signal('configure', {});
        return `port ${port} took a signal`;
      } finally {
        await connection.close();
      }
    });
    const outcomes = await Promise.allSettled(attempts);
    expect(outcomes.map(({ status }) => status)).toEqual(ports.map(() => 'rejected'));
  });

  test.each(visitors)('%s: no verb does anything', async (_, environment) => {
    const names = Object.keys(operator).map((name) => [name, ''] as const);
    const env = { ...Object.fromEntries(names), ...environment() };
    const args = ['unfreeze', 'chat', '--temporal', address, '--reason', 'x'];
    const { status } = spawnSync(process.execPath, [BIN, ...args], { env: { ...process.env, ...env } });
    expect(status).toBe(4);
    const { services } = await instance.json<{ services: { frozen: unknown }[] }>('status');
    expect(services[0]?.frozen).not.toBeNull();
  });
});
