/** A gateway that cannot start says what is wrong and what to do, with one process and with workers alike. */
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { EXIT } from '../../src/cli/exit.js';
import { gatewayProcess } from './gateway-process.js';
import { atEnd, gateway, stopAll, tempDir } from './kit.js';

afterEach(stopAll);

const NOWHERE = { a: 'http://127.0.0.1:1' };

test('an access log that cannot be opened is a fault of the configuration, with its cause', async () => {
  const accessLog = join(tempDir(), 'missing', 'access.log');
  await expect(gateway([], { settings: { accessLog } })).rejects.toMatchObject({
    code: 'bad-config',
    message: expect.stringMatching(/^gateway\.accessLog: .*access\.log cannot be opened \(ENOENT.*\); name a file/),
  });
});

async function takenPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => server.close());
  return (server.address() as AddressInfo).port;
}

test.each(['port', 'adminPort'])('a taken %s is named', async (which) => {
  const port = await takenPort();
  await expect(gateway([], { [which]: port })).rejects.toMatchObject({
    code: 'port-taken',
    message: `port ${port} of 127.0.0.1 is in use`,
  });
});

describe.each([['one process', []] as const, ['workers', ['--workers', '2']] as const])('with %s', (_name, args) => {
  test('a Redis without a URL', async () => {
    const conversations = { store: 'redis', redisUrlEnv: 'TEST_REDIS_URL_NOT_SET' };
    const started = gatewayProcess({ members: NOWHERE, args, gateway: { conversations } });
    await expect(started).rejects.toThrow(`ended with ${EXIT.refused}`);
  }, 90_000);

  test('a taken port', async () => {
    const port = String(await takenPort());
    const started = gatewayProcess({ members: NOWHERE, args: [...args, '--port', port] });
    await expect(started).rejects.toThrow(`ended with ${EXIT.refused}`);
  }, 90_000);
});
