/** What happens to processes: attacks cost nobody else anything, and what nobody caught costs one process for a moment. */
import { afterEach, expect, test } from 'vitest';
import { eventually } from '../kit/eventually.js';
import { gatewayProcess, type GatewayProcess } from './gateway-process.js';
import { deepObject, hostileStreams } from './hostile.js';
import { atEnd, stopAll, upstream } from './kit.js';
import { answerAs, beginStream, delta, frame, role } from './upstream.js';

afterEach(stopAll);

const ask = async (gateway: GatewayProcess, body: string, path = '/v1/chat/completions'): Promise<number> => {
  const answer = await fetch(gateway.url + path, { method: 'POST', body });
  await answer.text();
  return answer.status;
};
const PLAIN = '{"model":"chat","messages":[]}';
const STREAM = '{"model":"chat","messages":[],"stream":true}';

test('under every attack all workers live, and another caller is served throughout', async () => {
  let bytes = '';
  const a = await upstream((request, res) => {
    if (!request.body.includes('"stream":true')) return answerAs('a')(request, res);
    beginStream(res, frame(role) + frame(delta('one ')));
    setImmediate(() => res.destroy());
  });
  const b = await upstream((request, res) => {
    if (!request.body.includes('"stream":true')) return answerAs('b')(request, res);
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.end(Buffer.from(bytes, 'latin1'));
  });
  const gateway = await gatewayProcess({ members: { a: a.url, b: b.url }, args: ['--workers', '2'] });
  for (const [name, attack] of hostileStreams('choices', ['an object without a text'])) {
    bytes = attack;
    await ask(gateway, STREAM);
    await ask(gateway, deepObject(), '/v1/responses');
    expect([name, await ask(gateway, PLAIN)]).toEqual([name, 200]);
  }
  expect(gateway.lines.filter(({ event }) => event === 'worker-lost' || event === 'gateway-fault')).toEqual([]);
  expect(gateway.workers()).toHaveLength(2);
}, 90_000);

/** Every process of the gateway throws when it is told to, as no code of its own would. */
function throwsWhenTold(): void {
  const before = process.env['NODE_OPTIONS'];
  const script = "process.on('SIGUSR2', () => { throw new Error('told to'); });";
  process.env['NODE_OPTIONS'] = `--import=data:text/javascript,${encodeURIComponent(script)}`;
  atEnd(() => {
    if (before === undefined) delete process.env['NODE_OPTIONS'];
    else process.env['NODE_OPTIONS'] = before;
  });
}

test('a worker that ends by a throw is replaced at once, however often all of them do', async () => {
  throwsWhenTold();
  const a = await upstream(answerAs('a'));
  const gateway = await gatewayProcess({ members: { a: a.url }, args: ['--workers', '2'] });
  for (let round = 1; round <= 5; round++) {
    const pids = gateway.workers();
    for (const pid of pids) process.kill(pid, 'SIGUSR2');
    const isLost = (pid: number): boolean =>
      gateway.lines.some((l) => l['event'] === 'worker-lost' && l['worker'] === pid);
    await eventually(() => pids.every(isLost) && gateway.workers().length === 2, 30_000);
    expect(await ask(gateway, PLAIN)).toBe(200);
  }
  const of = (event: string) => gateway.lines.filter((line) => line['event'] === event);
  expect(of('worker-lost')).toHaveLength(10);
  expect(of('worker-lost').every(({ how }) => how === 'ended with exit 70')).toBe(true);
  expect(of('gateway-fault')).toHaveLength(10);
  expect(of('gateway-fault')[0]).toMatchObject({ place: 'process', message: 'told to', stack: expect.any(Array) });
  const page = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
  expect(page).toMatch(/understudy_faults_total\{place="process",process="parent"\} 10/);
}, 120_000);

test('a gateway of one process that ends by a throw says so, with a code that its supervisor sees', async () => {
  throwsWhenTold();
  const a = await upstream(answerAs('a'));
  const gateway = await gatewayProcess({ members: { a: a.url } });
  process.kill(gateway.pid, 'SIGUSR2');
  expect(await gateway.ended).toBe(70);
  const line = gateway.lines.find(({ event }) => event === 'process-fault');
  expect(line).toMatchObject({ kind: 'uncaughtException', message: 'told to' });
}, 90_000);
