import type { ServerResponse } from 'node:http';
import { request } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { eventually } from '../kit/eventually.js';
import { gatewayProcess, type GatewayProcess } from './gateway-process.js';
import { stopAll, upstream } from './kit.js';
import { openStream, type OpenedStream } from './read-stream.js';
import { answerAs, beginStream, delta, finish, frame, role, type Behaviour, type Upstream } from './upstream.js';

afterEach(stopAll);

/** Streams begin with a token and stay open until the test ends them. */
function openEnded(streams: ServerResponse[], name: string): Behaviour {
  return (asked, res) => {
    if (!asked.body.includes('"stream":true')) {
      answerAs(name)(asked, res);
      return;
    }
    beginStream(res, frame(role) + frame(delta('a')));
    streams.push(res);
  };
}

const end = (res: ServerResponse | undefined): void => void res?.end(frame(finish('stop')) + frame('[DONE]'));

interface World {
  readonly gateway: GatewayProcess;
  readonly a: Upstream;
  readonly b: Upstream;
  /** Open streams at the clusters, in the order in which they came. */
  readonly streams: ServerResponse[];
}

async function world(args: readonly string[] = ['--workers', '2']): Promise<World> {
  const streams: ServerResponse[] = [];
  const [a, b] = [await upstream(openEnded(streams, 'a')), await upstream(openEnded(streams, 'b'))];
  const gateway = await gatewayProcess({ members: { a: a.url, b: b.url }, args });
  return { gateway, a, b, streams };
}

/** One completion on a connection of its own: which cluster answered, or what went wrong. */
async function ask(url: string): Promise<string> {
  const body = JSON.stringify({ model: 'chat', messages: [] });
  return await new Promise((resolve) => {
    const req = request(`${url}/v1/chat/completions`, { method: 'POST', agent: false, timeout: 10_000 }, (res) => {
      res.resume();
      res.on('end', () => resolve(res.statusCode === 200 ? String(res.headers['x-understudy-cluster']) : 'refused'));
      res.on('error', () => resolve('broken'));
    });
    req.on('timeout', () => req.destroy());
    req.on('error', () => resolve('broken'));
    req.end(body);
  });
}

const askMany = async (url: string, count: number): Promise<string[]> =>
  await Promise.all(Array.from({ length: count }, async () => await ask(url)));

async function openStreams(url: string, count: number): Promise<OpenedStream[]> {
  const opening = Array.from({ length: count }, async () => {
    const stream = await openStream(url, { model: 'chat', stream: true, messages: [] });
    await stream.tokens(1);
    return stream;
  });
  return await Promise.all(opening);
}

async function runningByWorker(gateway: GatewayProcess): Promise<number[]> {
  const { body } = await gateway.admin<{ workers: { serving: { inFlight: number }[] } }>('GET', '/state');
  return body.workers.serving.map(({ inFlight }) => inFlight);
}

const ofA = async ({ gateway }: World): Promise<unknown> => (await gateway.state()).clusters['a']?.inFlight;

/** How each stream ended for its caller. */
async function endings(open: readonly OpenedStream[]): Promise<string[]> {
  const read = open.map(async (stream) => await stream.rest().catch(() => undefined));
  await Promise.all(read);
  return open.map(({ seen }) => (seen.dones === 1 ? 'whole' : 'broken'));
}

test('one killed worker takes only its own connections with it, and no count is lost', async () => {
  const here = await world();
  const { gateway, streams } = here;
  const open: OpenedStream[] = [];
  await eventually(async () => {
    open.push(...(await openStreams(gateway.url, 5)));
    return (await runningByWorker(gateway)).every((inFlight) => inFlight > 0);
  }, 30_000);
  expect(new Set(await askMany(gateway.url, 40))).toEqual(new Set(['a']));
  const before = await gateway.state();
  const total = open.length + 40;
  expect(before).toMatchObject({ clusters: { a: { inFlight: open.length } }, callers: { total, ok: 40 } });

  process.kill(gateway.workers()[0]!, 'SIGKILL');
  await eventually(() => gateway.lines.some(({ event }) => event === 'worker-lost'), 10_000);
  const lost = gateway.lines.find(({ event }) => event === 'worker-lost')!;
  const left = await gateway.state();
  expect(left.clusters['a']?.inFlight).toBe(open.length - Number(lost['brokenOff']));
  expect(left.callers).toMatchObject({ total, ok: 40, lost: lost['brokenOff'] });
  // Nobody who asks now suffers, with one worker or with two.
  expect(new Set(await askMany(gateway.url, 40))).toEqual(new Set(['a']));
  await eventually(() => gateway.workers().length === 2, 30_000);
  expect(new Set(await askMany(gateway.url, 40))).toEqual(new Set(['a']));

  for (const res of streams) end(res);
  const seen = await endings(open);
  const broken = seen.filter((how) => how === 'broken').length;
  expect(broken).toBe(lost['brokenOff']);
  expect(broken).toBeLessThan(open.length);
  const after = await gateway.state();
  expect(after).toMatchObject({
    clusters: { a: { inFlight: 0 } },
    callers: { total: total + 80, ok: total + 80 - broken, lost: broken },
  });
  expect((await gateway.admin('GET', '/state')).body).toMatchObject({ workers: { wanted: 2, lost: 1 } });
  expect(await runningByWorker(gateway)).toEqual([0, 0]);
}, 90_000);

test('a kill under load breaks no connection that another worker has', async () => {
  const { gateway } = await world();
  const results: string[] = [];
  let loading = true;
  const load = Array.from({ length: 8 }, async () => {
    while (loading) results.push(await ask(gateway.url));
  });
  await eventually(() => results.length > 100, 20_000);
  process.kill(gateway.workers()[0]!, 'SIGKILL');
  await eventually(() => gateway.lines.some(({ event }) => event === 'worker-lost'), 10_000);
  const since = results.length;
  await eventually(() => results.length > since + 300 && gateway.workers().length === 2, 30_000);
  loading = false;
  await Promise.all(load);
  // At most those that were under way, one for each of the eight.
  expect(results.filter((r) => r !== 'a').length).toBeLessThanOrEqual(8);
  expect(results.slice(since + 8).filter((r) => r !== 'a')).toEqual([]);
}, 90_000);

test('a weight is effective on every worker when its write is answered', async () => {
  const { gateway } = await world(['--workers', '3']);
  for (let epoch = 1; epoch <= 10; epoch++) {
    const weights = epoch % 2 === 1 ? { a: 0, b: 100 } : { a: 100, b: 0 };
    const { body } = await gateway.admin('PUT', '/routes/chat', { epoch, weights });
    expect(body).toMatchObject({ epoch, intended: weights, effective: weights });
    expect(new Set(await askMany(gateway.url, 30))).toEqual(new Set([epoch % 2 === 1 ? 'b' : 'a']));
  }
}, 90_000);

test('a worker that cannot apply a change is replaced before the change is answered', async () => {
  const { gateway } = await world();
  const [stopped] = gateway.workers();
  process.kill(stopped!, 'SIGSTOP');
  const { status } = await gateway.admin('PUT', '/routes/chat', { epoch: 1, weights: { a: 0, b: 100 } });
  expect(status).toBe(200);
  expect(gateway.workers()).not.toContain(stopped);
  expect(() => process.kill(stopped!, 0)).toThrow();
  await eventually(() => gateway.workers().length === 2, 30_000);
  expect(new Set(await askMany(gateway.url, 30))).toEqual(new Set(['b']));
}, 90_000);

test('what a silent worker runs is unknown, and it is replaced', async () => {
  const here = await world();
  const [stopped] = here.gateway.workers();
  process.kill(stopped!, 'SIGSTOP');
  expect(await ofA(here)).toBe('unknown');
  await eventually(() => !here.gateway.workers().includes(stopped!), 20_000);
  await eventually(async () => (await ofA(here)) === 0, 20_000);
}, 90_000);

test('a drain is exact over all workers', async () => {
  const here = await world();
  const { gateway, streams } = here;
  const open = await openStreams(gateway.url, 6);
  const { body } = await gateway.admin('POST', '/drain/chat', { epoch: 1, cluster: 'a' });
  expect(body).toMatchObject({ clusters: { a: { inFlight: 6, drained: true } } });
  expect(new Set(await askMany(gateway.url, 20))).toEqual(new Set(['b']));
  for (let left = 5; left >= 0; left--) {
    end(streams[left]);
    await eventually(async () => (await ofA(here)) === left, 5_000);
  }
  expect(await endings(open)).toEqual(new Array(6).fill('whole'));
}, 90_000);

test('a cluster that one worker finds gone is left out by all', async () => {
  const here = await world();
  await here.a.crash();
  expect(await ask(here.gateway.url)).toBe('b');
  await eventually(async () => (await here.gateway.state()).effective['a'] === 0, 800); // before its trial
}, 90_000);

test('SIGTERM lets streams of all workers finish', async () => {
  const { gateway, streams } = await world();
  const open = await openStreams(gateway.url, 8);
  gateway.kill('SIGTERM');
  await eventually(async () => (await ask(gateway.url)) !== 'a', 10_000);
  for (const res of streams) end(res);
  expect(await endings(open)).toEqual(new Array(8).fill('whole'));
  expect(await gateway.ended).toBe(0);
}, 90_000);

test('the end of the parent ends the workers once their streams have ended', async () => {
  const { gateway, streams } = await world();
  const open = await openStreams(gateway.url, 8);
  const workers = gateway.workers();
  gateway.kill('SIGKILL');
  await gateway.ended;
  for (const res of streams) end(res);
  expect(await endings(open)).toEqual(new Array(8).fill('whole'));
  const lives = (pid: number): boolean => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  await eventually(() => !workers.some(lives), 15_000);
}, 90_000);
