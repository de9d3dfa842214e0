/** An answer that nobody takes while its other side closes the connection: the process lives. */
import { createServer, type AddressInfo, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fetch, request } from 'undici';
import { boundedText } from '../../src/outside/bounded-text.js';
import { calmAgent } from '../../src/outside/never-paused.js';

let server: Server;
let url: string;
let bytes = 0;
beforeEach(async () => {
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n');
      socket.end(Buffer.alloc(bytes, 'x'));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => void server.close());

/** Around what undici keeps before it pauses, 64 KiB; long enough for the end of the connection to be heard. */
const SIZES = [1, 16_384, 65_535, 65_536, 70_000, 131_072, 1_000_000];
const UNREAD_MS = 30;

test.each(SIZES)('%i bytes, asked for with request, and given up', async (size) => {
  bytes = size;
  for (let i = 0; i < 5; i++) {
    const { body } = await request(url, { dispatcher: calmAgent });
    await sleep(UNREAD_MS);
    body.on('error', () => undefined).destroy();
  }
});

test.each(SIZES)('%i bytes, asked for with fetch, and given up', async (size) => {
  bytes = size;
  for (let i = 0; i < 5; i++) {
    const { body } = await fetch(url, { dispatcher: calmAgent });
    await sleep(UNREAD_MS);
    await body?.cancel();
  }
});

test.each(SIZES)('%i bytes, read late, are all there', async (size) => {
  bytes = size;
  const { body } = await request(url, { dispatcher: calmAgent });
  await sleep(UNREAD_MS);
  expect(await boundedText(body, 2_000_000)).toHaveLength(size);
});

test('more than is read of an answer is given up, and the next one is served', async () => {
  bytes = 1_000_000;
  const { body } = await request(url, { dispatcher: calmAgent });
  await expect(boundedText(body, 1_000)).rejects.toThrow('larger than 1000 bytes');
  bytes = 10;
  expect(await boundedText((await request(url, { dispatcher: calmAgent })).body, 1_000)).toHaveLength(10);
});
