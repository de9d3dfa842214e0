/** The last look at an answer's length, on a real connection: whatever the rest of the gateway does, no answer begins early. */
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { faults } from '../../src/gateway/boundary.js';
import { httpServer } from '../../src/gateway/http-server.js';
import type { WatchedResponse } from '../../src/gateway/watched-response.js';
import { atEnd, stopAll } from './kit.js';
import { sendRaw } from './raw.js';

afterEach(stopAll);

test.each<[string, (res: WatchedResponse) => unknown, string]>([
  ['shorter, in one piece', (res) => res.end('123'), ''],
  ['shorter, in pieces', (res) => res.write('123') && res.end('4'), '1234'],
  ['shorter, without a body', (res) => res.end(), ''],
  ['longer, in one piece', (res) => res.end('1234567'), ''],
  ['longer, in pieces', (res) => res.write('123') && res.end('4567'), '123'],
  ['longer in bytes, not in characters', (res) => res.end('éééé'), ''],
])('a body that is %s ends its connection, and is counted', async (_name, send, sentMax) => {
  const server = httpServer((req, res) => {
    if (req.url === '/next') return void res.end('NEXT');
    res.writeHead(200, { 'content-length': 5 });
    send(res);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => server.close());
  const before = faults.byPlace['request'] ?? 0;
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ask = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`;
  const bytes = await sendRaw(url, [ask('/first') + ask('/next')]);
  expect(bytes).not.toContain('NEXT');
  expect(bytes.split('\r\n\r\n')[1] ?? '').toSatisfy((body: string) => sentMax.startsWith(body));
  expect(faults.byPlace['request']).toBe(before + 1);
});

test('a body of its very length is followed by the next answer', async () => {
  const server = httpServer((req, res) => {
    if (req.url === '/next') return void res.writeHead(200, { connection: 'close' }).end('NEXT');
    res.writeHead(200, { 'content-length': 5 });
    res.write('éé');
    res.end('1');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ask = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`;
  expect(await sendRaw(url, [ask('/first'), ask('/next')])).toContain('NEXT');
});
