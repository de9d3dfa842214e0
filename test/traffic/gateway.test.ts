import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { openGateway } from '../../src/traffic/gateway.js';
import { openTrafficLayer } from '../../src/traffic/registry.js';
import { gateway, service, stopAll, upstream } from '../gateway/kit.js';
import { answerAs, beginStream, delta, finish, frame, hang, role, type Behaviour } from '../gateway/upstream.js';
import { trafficContract, type OpenLayer } from './contract.js';

async function open(): Promise<OpenLayer> {
  const streams: ServerResponse[] = [];
  const behaviour =
    (name: string): Behaviour =>
    (request, res) => {
      if (!request.body.includes('"stream":true')) {
        answerAs(name)(request, res);
        return;
      }
      beginStream(res, frame(role) + frame(delta('a')));
      streams.push(res);
    };
  const clusters = { a: await upstream(behaviour('a')), b: await upstream(behaviour('b')) };
  const definition = service({ a: clusters.a.url, b: clusters.b.url }, { a: 100, b: 0 });
  const lab = await gateway([], { adminToken: 'token' });
  const layer = openGateway({ adminUrl: lab.adminUrl, token: 'token', timeoutMs: 2_000 });
  await layer.define(definition);
  const of = (name: string): (typeof clusters)['a'] => (name === 'a' ? clusters.a : clusters.b);
  return {
    layer,
    definition,
    request: async () => ((await (await lab.chat()).json()) as { from: string }).from,
    stream: async () => {
      const answer = await lab.chat({ stream: true });
      return { cluster: answer.headers.get('x-understudy-cluster') ?? '', text: answer.text() };
    },
    finishStreams: () => {
      for (const res of streams) res.end(frame(finish('stop')) + frame('[DONE]'));
    },
    hang: (name) => of(name).behave(hang),
    waitingAt: (name) => of(name).requests.filter((r) => !r.aborted).length,
    close: stopAll,
  };
}

trafficContract('gateway', open);

describe('when the gateway cannot answer', () => {
  afterEach(stopAll);
  const weights = { a: 100 };

  test('a refused connection says that nothing was sent', async () => {
    const lab = await gateway([]);
    await lab.close(0);
    const layer = openGateway({ adminUrl: lab.adminUrl, token: null, timeoutMs: 1_000 });
    await expect(layer.read('chat')).rejects.toMatchObject({ code: 'layer-unreachable' });
    await expect(layer.write('chat', weights, { epoch: 1 })).rejects.toMatchObject({ code: 'layer-unreachable' });
  });

  test.each<[string, (res: ServerResponse) => void]>([
    ['silence', () => undefined],
    ['a reset', (res) => res.destroy()],
    ['nonsense', (res) => res.end('<html>')],
  ])('%s leaves the outcome of a write open, and a read is only unreachable', async (_name, answer) => {
    const server = createServer((_req, res) => answer(res));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const layer = openGateway({
      adminUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      token: null,
      timeoutMs: 200,
    });
    await expect(layer.write('chat', weights, { epoch: 1 })).rejects.toMatchObject({ code: 'write-outcome-unknown' });
    await expect(layer.read('chat')).rejects.toMatchObject({ code: 'layer-unreachable' });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  test('a wrong token is a matter of configuration, and is not told', async () => {
    const lab = await gateway([], { adminToken: 'right' });
    const layer = openGateway({ adminUrl: lab.adminUrl, token: 'wrong-token', timeoutMs: 1_000 });
    const error = await layer.read('chat').catch((e: unknown) => e as Error);
    expect(error).toMatchObject({ code: 'bad-config' });
    expect(String(error)).not.toContain('wrong-token');
  });

  test('a layer that does not exist is an error that lists those that do', () => {
    const options = { adminUrl: 'http://127.0.0.1:1', token: null, timeoutMs: 1 };
    expect(() => openTrafficLayer('haproxy' as 'gateway', options)).toThrow(/there are: gateway/);
    expect(openTrafficLayer('gateway', options).can.changeBy).toBe('runtime');
  });
});
