/** The attacks work where nobody defends himself: otherwise their failing elsewhere would mean nothing. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { attackAll, learned } from '../kit/browser/attacks.js';
import { BROWSER_MISSING, openBrowser, type TestBrowser } from '../kit/browser/open-browser.js';

describe.skipIf(BROWSER_MISSING)('a server that checks nothing', () => {
  const arrived: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      arrived.push(`${request.method} ${request.headers['content-type'] ?? ''} ${body}`);
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: secret\n\n');
    });
  });
  let browser: TestBrowser;
  beforeAll(async () => {
    browser = await openBrowser();
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  });
  afterAll(async () => {
    await browser.close();
    server.close();
  });

  test('is changed by every kind of page, and read by one whose name was rebound', async () => {
    const { port } = server.address() as AddressInfo;
    const attempts = await attackAll(browser.context, [{ port, method: 'POST', path: '/', body: '{"to":"evil"}' }]);

    const sent = arrived.filter((line) => line.includes('"to":"evil"'));
    for (const type of ['text/plain', 'application/json', 'application/x-www-form-urlencoded', 'multipart/form-data'])
      expect(
        arrived.some((line) => line.startsWith(`POST ${type}`)),
        type,
      ).toBe(true);
    expect(sent.length).toBeGreaterThan(10);
    const read = learned(attempts);
    expect(read.filter((line) => line.startsWith('rebound name, fetch,'))).toHaveLength(1);
    expect(read.some((line) => line.startsWith('rebound name, XMLHttpRequest') && line.includes('secret'))).toBe(true);
    expect(read.filter((line) => line.startsWith('foreign page, fetch'))).toEqual([]);
  });
});

test.runIf(BROWSER_MISSING)('Chromium is not installed: what web pages can do was NOT tested', () => undefined);
