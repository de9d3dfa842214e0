import { createServer, type RequestListener, type Server } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { readGatewayState } from '../../src/control/gateway-state.js';

const open: Server[] = [];
afterEach(() => open.splice(0).forEach((server) => (server.closeAllConnections(), server.close())));

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

test('the state of every service is read with the token', async () => {
  const url = await serve((req, res) => {
    const known = req.headers.authorization === 'Bearer t' && req.url === '/state';
    res
      .writeHead(known ? 200 : 401)
      .end(JSON.stringify({ services: { chat: { service: 'chat', epoch: 3, callers: {}, clusters: {} } } }));
  });
  expect((await readGatewayState({ urls: [url], token: 't' })).services.get('chat')).toMatchObject({ epoch: 3 });
  await expect(readGatewayState({ urls: [url], token: 'secret' })).rejects.toThrow(/refuses the admin token/);
  await expect(readGatewayState({ urls: [url], token: 'secret' })).rejects.not.toThrow(/secret/);
});

test.each<[string, RequestListener, RegExp]>([
  ['an error', (_, res) => res.writeHead(500).end(), /status 500/],
  ['something that is no gateway', (_, res) => res.end('{}'), /no `services`; is this a gateway\?/],
  ['no JSON', (_, res) => res.end('<html>'), /JSON/],
  ['an endless body', (_, res) => res.end('x'.repeat(17 * 1_048_576)), /larger than/],
  ['a redirect', (_, res) => res.writeHead(302, { location: 'http://127.0.0.1:1' }).end(), /redirect/],
  ['a broken connection', (req) => req.socket.destroy(), /does not answer/],
])('%s is told as a gateway that does not answer', async (_what, answer, words) => {
  const url = await serve(answer);
  await expect(readGatewayState({ urls: [url], token: null })).rejects.toMatchObject({
    code: 'layer-unreachable',
    message: expect.stringMatching(words),
  });
});

test('nobody there', async () => {
  const url = await serve(() => undefined);
  await new Promise((resolve) => open.pop()?.close(resolve));
  await expect(readGatewayState({ urls: [url], token: null })).rejects.toMatchObject({
    code: 'layer-unreachable',
    message: expect.stringContaining('connection refused'),
  });
});
