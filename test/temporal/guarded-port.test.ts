import { createServer, request, type IncomingHttpHeaders, type RequestOptions } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { browserProofPorts } from '../../src/temporal/browser-proof-ports.js';
import { openGuardedPort, type GuardedPort } from '../../src/temporal/guarded-port.js';
import { freePorts } from '../../src/temporal/ports.js';

const arrived: string[] = [];
const inner = createServer((asked, answer) => {
  let body = '';
  asked.on('data', (chunk: Buffer) => (body += chunk.toString()));
  asked.on('end', () => {
    arrived.push(`${asked.method} ${asked.url} ${body}`);
    answer.writeHead(asked.url === '/gone' ? 404 : 200, { 'set-cookie': ['a=1', 'b=2'] }).end(`seen ${body}`);
  });
});
let port = 0;
let door: GuardedPort;

beforeAll(async () => {
  await new Promise<void>((ready) => inner.listen(0, '127.0.0.1', ready));
  [port = 0] = await freePorts(1);
  door = await openGuardedPort(port, (inner.address() as AddressInfo).port);
});
afterAll(async () => {
  await door.close();
  inner.close();
});

test('what this machine asks for passes both ways, whole', async () => {
  const body = 'x'.repeat(200_000);
  const answer = await ask({ method: 'PUT', path: '/a?b=c', headers: { host: `localhost:${port}` } }, body);
  expect(answer).toMatchObject({ status: 200, text: `seen ${body}`, headers: { 'set-cookie': ['a=1', 'b=2'] } });
  expect(arrived.at(-1)).toBe(`PUT /a?b=c ${body}`);
  expect((await ask({ path: '/gone' })).status).toBe(404);
});

test.each<[string, RequestOptions['headers']]>([
  ['a rebound name', { host: 'evil.example' }],
  ['a page of another origin', { origin: 'http://evil.example' }],
  [
    'a frame of another site',
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
  ],
])('%s is refused, and nothing of it arrives', async (_, headers) => {
  const before = arrived.length;
  const answer = await ask({ method: 'POST', path: '/', headers }, '{}');
  expect(answer.status).toBe(403);
  expect(answer.text).toContain(`Open http://127.0.0.1:${port} itself`);
  expect(arrived).toHaveLength(before);
});

test('where nobody listens behind it, it says so, and goes on', async () => {
  const [ours = 0, nobody = 0] = await freePorts(2);
  const lonely = await openGuardedPort(ours, nobody);
  for (let i = 0; i < 2; i += 1) expect((await ask({ port: ours })).status).toBe(502);
  await lonely.close();
});

test('ports that no browser connects to: as many as wanted, all different, none that is taken', async () => {
  const [taken = 0] = await browserProofPorts(1, 0);
  const squatter = createServer();
  await new Promise<void>((ready) => squatter.listen(taken, '127.0.0.1', ready));
  const found = await browserProofPorts(3, 0);
  squatter.close();
  expect(new Set(found).size).toBe(3);
  expect(found).not.toContain(taken);
  // Node's own fetch keeps the standard's list, as browsers do.
  for (const each of found)
    await expect(fetch(`http://127.0.0.1:${each}`)).rejects.toMatchObject({ cause: { message: 'bad port' } });
  await expect(browserProofPorts(1_000, 0)).rejects.toMatchObject({ code: 'port-taken' });
});

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
}

async function ask(options: RequestOptions, body = ''): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, ...options }, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text, headers: answer.headers }));
    });
    asked.once('error', reject);
    asked.end(body);
  });
}
