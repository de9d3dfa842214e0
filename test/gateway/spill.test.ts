/** What spills over at the gateway, on real sockets: bounded, never to a cluster that takes nothing, gone by itself. */
import { afterEach, describe, expect, test } from 'vitest';
import { SLOW_START_MS } from '../../src/domain/admission/slow-start.js';
import { eventually } from '../kit/eventually.js';
import { gateway, service, stopAll, tempDir, upstream, type Lab } from './kit.js';
import { answerAs, status } from './upstream.js';

afterEach(stopAll);

async function lab(options: Parameters<typeof gateway>[1] = {}): Promise<Lab> {
  const urls = { a: await answering('a'), b: await answering('b'), c: await answering('c') };
  return await gateway([service(urls, { a: 100, b: 0, c: 0 })], options);
}

const answering = async (word: string): Promise<string> => (await upstream(answerAs(word))).url;

const wish = { epoch: 1, from: 'a', to: 'b', sharePct: 25, forMs: 60_000 };
const spill = async (at: Lab, change: object = {}): ReturnType<Lab['admin']> =>
  await at.admin('PUT', '/spill/chat', { ...wish, ...change });

const clusterOf = async (answer: Response): Promise<string> => {
  await answer.text();
  return answer.headers.get('x-understudy-cluster') ?? 'none';
};

test('a share of requests, no more, and the same conversations all the time', async () => {
  const at = await lab();
  const talk = async (): Promise<string[]> =>
    await Promise.all(
      Array.from({ length: 80 }, async (_, i) => await clusterOf(await at.chat({ user: `caller ${i}` }))),
    );
  expect(new Set(await talk())).toEqual(new Set(['a']));
  expect((await spill(at)).body).toMatchObject({ intended: { a: 100 }, effective: { a: 75, b: 25, c: 0 } });
  const spilled = await talk();
  expect(spilled.filter((name) => name === 'b').length).toBeGreaterThan(5);
  expect(spilled.filter((name) => name === 'b').length).toBeLessThan(40);
  expect(await talk()).toEqual(spilled);
  await spill(at, { sharePct: 10 });
  const fewer = await talk();
  // Who is still away was away before: only what must move moves.
  expect(fewer.flatMap((name, i) => (name === 'b' ? [spilled[i]] : [])).every((name) => name === 'b')).toBe(true);
});

describe('never to a cluster that takes nothing', () => {
  test('drained', async () => {
    const at = await lab();
    await at.admin('POST', '/drain/chat', { epoch: 1, cluster: 'b' });
    expect((await spill(at)).body).toMatchObject({ effective: { a: 100, b: 0, c: 0 }, spill: null });
    await at.admin('POST', '/undrain/chat', { epoch: 1, cluster: 'b' });
    expect(await at.state()).toMatchObject({ effective: { a: 75, b: 25, c: 0 } });
  });

  test('ejected: its share stays where it came from, and one request at a time finds out when it is back', async () => {
    const b = await upstream(answerAs('b'));
    const urls = { a: await answering('a'), b: b.url };
    const at = await gateway([service(urls, { a: 100, b: 0 })]);
    await spill(at);
    b.behave(status(503));
    const answers = await Promise.all(Array.from({ length: 40 }, async () => (await at.chat()).status));
    expect(new Set(answers)).toEqual(new Set([200]));
    expect(await at.state()).toMatchObject({ effective: { a: 100, b: 0 }, callers: { lost: 0 } });
    b.behave(answerAs('b'));
    // A trial is due after a second; of a standby without any share there would be none.
    await eventually(async () => {
      await at.chat();
      return at.lines.some((line) => line['event'] === 'cluster-returned');
    });
    // It returns slowly, and in the end has all of its share again.
    await eventually(async () => (await at.state()).effective['b'] === 25, 2 * SLOW_START_MS);
  });
});

test('a lease that nobody renews is over, and the log says so; one that is renewed goes on', async () => {
  const at = await lab();
  await spill(at, { forMs: 200 });
  await spill(at, { forMs: 400 });
  expect(await at.state()).toMatchObject({ effective: { a: 75, b: 25 } });
  await eventually(async () => (await at.state()).effective['a'] === 100);
  expect(at.lines.at(-1)).toMatchObject({ event: 'spill-ended', service: 'chat', from: 'a', to: 'b' });
});

test('it survives a restart of the gateway for as long as its lease, and no longer', async () => {
  const dataDir = tempDir();
  const at = await lab({ dataDir });
  await spill(at);
  await at.close(0);
  const again = await lab({ dataDir });
  expect(await again.state()).toMatchObject({ effective: { a: 75, b: 25 } });
  await again.close(0);
  const later = await lab({ dataDir, clock: () => Date.now() + wish.forMs });
  expect(await later.state()).toMatchObject({ effective: { a: 100, b: 0 }, spill: null });
});

test.each<[string, object, string]>([
  ['a smaller epoch', { epoch: 0 }, 'stale-epoch'],
  ['an unknown target', { to: 'zz' }, 'unknown-cluster'],
  ['an unknown source', { from: 'zz' }, 'unknown-cluster'],
  ['itself', { to: 'a' }, 'bad-input'],
  ['a share above 100', { sharePct: 101 }, 'bad-input'],
  ['a lease of hours', { forMs: 3_600_000 }, 'bad-input'],
])('%s is refused and changes nothing', async (_name, change, code) => {
  const at = await lab();
  await at.admin('PUT', '/fence/chat', { epoch: 1 });
  expect((await spill(at, change)).body).toMatchObject({ code });
  expect(await at.state()).toMatchObject({ effective: { a: 100, b: 0, c: 0 } });
});

test('a member that leaves takes its spill with it', async () => {
  const at = await lab();
  await spill(at);
  const { members } = service({ a: 'http://127.0.0.1:1', c: 'http://127.0.0.1:1' }, {});
  const definition = { service: 'chat', strategy: 'primary-standby', members, home: { a: 100 } };
  expect((await at.admin('PUT', '/services/chat', definition)).body).toMatchObject({
    spill: null,
    effective: { a: 100, c: 0 },
  });
});

test('a cluster that takes something over is no carrier: when the overloaded one is full, the bound is one for all', async () => {
  const held: (() => void)[] = [];
  const a = await upstream((request, res) => held.push(() => answerAs('a')(request, res)));
  const b = await upstream((request, res) => held.push(() => answerAs('b')(request, res)));
  const definition = service(
    { a: a.url, b: b.url },
    { a: 100, b: 0 },
    {
      overload: { spillMaxPct: 20, waitingMax: 100, waitMs: 20_000 },
    },
  );
  const members = definition.members.map((m) => ({ ...m, limit: m.cluster === 'a' ? 8 : 100 }));
  const at = await gateway([{ ...definition, members }]);
  await spill(at, { sharePct: 10 });
  const calls = Array.from({ length: 40 }, async () => await clusterOf(await at.chat()));
  await eventually(() => a.requests.length === 8);
  await eventually(async () => (await at.state()).waiting === 40 - 8 - b.requests.length);
  expect(b.requests.length).toBeLessThanOrEqual(8);
  const counters = (await at.state()).clusters['b']?.counters;
  expect(counters).toMatchObject({ spilled: b.requests.length });
  const answering = setInterval(() => held.splice(0).forEach((answer) => answer()), 20);
  await Promise.all(calls);
  clearInterval(answering);
});
