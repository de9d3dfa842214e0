/** Whoever asks somebody is through in time, with bounded memory and an error that is one, whatever is answered. */
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { Agent } from 'undici';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { checkGateway } from '../../src/cli/doctor/remote-checks.js';
import type { Instance } from '../../src/config/instance.js';
import { readGatewayState } from '../../src/control/gateway-state.js';
import { CodedError } from '../../src/domain/errors.js';
import { catchUp } from '../../src/gateway/routes/catch-up.js';
import { openSlackClient } from '../../src/notify/slack-client.js';
import { clearFaults, orderFault, readClusterState } from '../../src/simulator/control-client.js';
import { sendOne } from '../../src/simulator/load-request.js';
import { openGateway } from '../../src/traffic/gateway.js';

const MIB = 1024 * 1024;
const open: Server[] = [];
afterEach(() => open.splice(0).forEach((server) => (server.closeAllConnections(), server.close())));

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const prompt = { path: '/v1/chat/completions', body: '{}', expected: { tokens: ['hello'], finishReason: 'stop' } };
const load =
  (stream: boolean) =>
  async (url: string): Promise<unknown> => {
    const dispatcher = new Agent();
    const options = { origin: new URL(url), dispatcher, number: 1, stream, timeoutMs: 2_000 };
    const result = await sendOne(prompt as never, options);
    await dispatcher.destroy();
    if (result.verdict !== 'ok') throw new CodedError('bad-input', result.code ?? '');
    return result;
  };

/** Each asks once, and answers with an error that says what happened. */
const ASKERS: Readonly<Record<string, (url: string) => Promise<unknown>>> = {
  status: async (url) => await readGatewayState({ urls: [url], token: null }),
  'the traffic layer': async (url) => await openGateway({ adminUrl: url, token: null, timeoutMs: 2_000 }).read('chat'),
  'sim state': readClusterState,
  'sim fault': async (url) => await orderFault(url, { kind: 'slow' }),
  'sim clear': async (url) => await clearFaults(url, null),
  'sim load': load(false),
  'sim load, streamed': load(true),
  Slack: async (url) => await openSlackClient({ token: 'x', apiUrl: `${url}/api/` })('chat.postMessage', {}),
};

const deep = '['.repeat(200_000);
let bomb: Buffer;
beforeAll(() => {
  bomb = gzipSync(Buffer.alloc(64 * MIB, ' '));
});

/** Never more than the other side takes. */
function endless(res: ServerResponse, first = ''): { readonly bytes: number } {
  const sent = { bytes: 0 };
  const piece = Buffer.alloc(64 * 1024, 'x');
  const more = (): void => {
    for (let went = true; went && !res.destroyed && sent.bytes < 1024 * MIB; sent.bytes += piece.length)
      went = res.write(piece);
  };
  res.on('drain', more).write(first);
  more();
  return sent;
}

const ANSWERS: Readonly<Record<string, RequestListener>> = {
  nothing: (_, res) => res.end(),
  null: (_, res) => res.end('null'),
  'no object': (_, res) => res.end('[1]'),
  'fields of other kinds': (_, res) =>
    res.end('{"services":{"toString":0},"cluster":{"toString":0},"fault":{"kind":{"toString":0}},"cleared":[{}]}'),
  'fields of other kinds, further in': (_, res) =>
    res.end(
      '{"services":[{"service":"chat","callers":null,"clusters":{"a":null}}],"workers":{"wanted":{},"serving":0},"choices":[{"delta":{"content":{"toString":0}},"finish_reason":{"toString":0}}]}',
    ),
  'an error with other kinds': (_, res) =>
    res.writeHead(500).end('{"message":{"toString":0},"code":{"toString":0},"error":{"toString":0},"ok":false}'),
  'a refusal with other kinds': (_, res) => res.end('{"ok":false,"error":{"toString":0},"retry_after":{}}'),
  'a body 200,000 deep': (_, res) => res.end(`{"ok":true,"services":${deep}`),
  'a gzip bomb': (_, res) => res.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb),
  'a damaged gzip': (_, res) => res.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb.subarray(0, 500)),
  'a reset': (_, res) => {
    res.writeHead(200, { 'content-length': '1000' }).write('{"a"');
    setImmediate(() => res.socket?.resetAndDestroy());
  },
};

const rows = Object.keys(ASKERS).flatMap((asker) => Object.keys(ANSWERS).map((answer) => [asker, answer] as const));

test.each(rows)('%s, answered by %s, ends with an error that is one', async (asker, answer) => {
  const url = await serve(ANSWERS[answer]!);
  await expect(ASKERS[asker]!(url)).rejects.toBeInstanceOf(CodedError);
});

test.each(Object.keys(ASKERS))('%s gives up an endless answer', async (asker) => {
  let sent = { bytes: 0 };
  const url = await serve((_, res) => {
    sent = endless(res, '{"ok":true,"services":"');
  });
  await expect(ASKERS[asker]!(url)).rejects.toBeInstanceOf(CodedError);
  expect(sent.bytes).toBeLessThan(asker === 'sim load, streamed' ? Infinity : 64 * MIB);
});

test('a peer whose table unpacks into gigabytes is silent', async () => {
  const url = await serve((_, res) => {
    res.writeHead(200, { 'content-encoding': 'gzip' }).end(Buffer.concat([bomb, bomb]));
  });
  const told: unknown[] = [];
  expect(await catchUp({}, { urls: [url], token: null }, (event) => told.push(event))).toEqual({});
  expect(told).toMatchObject([{ event: 'catch-up-failed', why: [expect.stringMatching(/larger than|timeout/)] }]);
});

test('doctor says what a gateway is not that answers anything', async () => {
  const state = '{"services":[],"workers":null}';
  const url = await serve((req, res) =>
    req.url === '/state' ? void res.end(state) : void res.writeHead(503).end('{"reason":{"toString":0}}'),
  );
  const instance = { gateway: { url, adminUrl: url } } as unknown as Instance;
  const check = await checkGateway({ urls: [url], token: null }, instance);
  expect(JSON.stringify(check)).toContain('is not ready: status 503');
});
