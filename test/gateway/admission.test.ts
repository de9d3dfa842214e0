/** Full clusters, from the caller's side: who is served where, who waits, who is refused and with which words. */
import { afterEach, describe, expect, test } from 'vitest';
import { LEARN_FIRST } from '../../src/domain/admission/learn-limit.js';
import { limitForBegun } from '../../src/domain/admission/room.js';
import type { OverloadSettings } from '../../src/domain/fleet.js';
import type { CallerCounters, ServiceDefinition, TrafficState } from '../../src/domain/traffic.js';
import { eventually } from '../kit/eventually.js';
import { gateway, service, stopAll, upstream, type Lab } from './kit.js';
import { openStream, readStream } from './read-stream.js';
import {
  answerAs,
  beginStream,
  delta,
  finish,
  frame,
  role,
  sendJson,
  status,
  type Behaviour,
  type Upstream,
} from './upstream.js';

afterEach(stopAll);

/** Holds every request until the test lets it go, and then answers with the request's own text. */
class Holding {
  readonly held: (() => void)[] = [];
  readonly texts: string[] = [];

  readonly behave: Behaviour = (request, res) => {
    const text = textOf(request.body);
    this.texts.push(text);
    const answer = (): void => sendJson(res, 200, { text, choices: [{ index: 0, finish_reason: 'stop' }] });
    this.held.push(answer);
    res.once('close', () => {
      const at = this.held.indexOf(answer);
      if (at >= 0) this.held.splice(at, 1);
    });
  };

  release(): void {
    this.held.shift()?.();
  }

  releaseAll(): void {
    for (const answer of this.held.splice(0)) answer();
  }
}

const textOf = (body: string): string => (JSON.parse(body) as { text?: string }).text ?? '';

interface Scene {
  readonly lab: Lab;
  readonly definition: ServiceDefinition;
  readonly a: Upstream;
  readonly b: Upstream;
  readonly heldA: Holding;
  readonly heldB: Holding;
  /** Sends a request and gives its answer later. */
  ask(text: string, init?: Parameters<Lab['chat']>[1]): Promise<Response>;
}

interface Setting {
  readonly home?: Record<string, number>;
  readonly limits?: readonly [number | undefined, number | undefined];
  readonly overload?: Partial<OverloadSettings>;
}

const NO_SPILL: OverloadSettings = { spillMaxPct: 0, waitingMax: 10, waitMs: 20_000 };

/** Two clusters; `a` carries, with room for one; the standby has none to spare unless the test says so. */
async function scene({ home = { a: 100, b: 0 }, limits = [1, 1], overload = {} }: Setting = {}): Promise<Scene> {
  const [heldA, heldB] = [new Holding(), new Holding()];
  const [a, b] = [await upstream(heldA.behave), await upstream(heldB.behave)];
  const defined = service({ a: a.url, b: b.url }, home);
  const members = defined.members.map((m, i) => ({ ...m, limit: limits[i] }));
  const definition = { ...defined, members, overload: { ...NO_SPILL, ...overload } };
  const lab = await gateway([definition]);
  return { lab, definition, a, b, heldA, heldB, ask: async (text, init) => await lab.chat({ text }, init) };
}

const countersOf = ({ callers }: TrafficState): Partial<CallerCounters> => (callers === 'unknown' ? {} : callers);
const waiting = (lab: Lab, n: number): Promise<void> => eventually(async () => (await lab.state()).waiting === n);
const held = (on: Holding, n: number): Promise<void> => eventually(() => on.held.length === n);
const priority = (word: string): { headers: Record<string, string> } => ({
  headers: { 'x-understudy-priority': word },
});
const textsOf = async (answers: readonly Promise<Response>[]): Promise<unknown[]> =>
  await Promise.all(answers.map(async (a) => ((await (await a).json()) as { text?: unknown }).text));

test('a cluster of which nobody said what it can do has no limit', async () => {
  const { lab, heldA, ask } = await scene({ limits: [undefined, undefined] });
  const answers = Array.from({ length: 100 }, (_, i) => ask(`r${i}`));
  await held(heldA, 100);
  expect((await lab.state()).clusters['a']).toMatchObject({ inFlight: 100, limit: null });
  heldA.releaseAll();
  expect(await textsOf(answers)).toEqual(answers.map((_, i) => `r${i}`));
});

describe('a request whose cluster is full', () => {
  test('goes to another one that carries and has room', async () => {
    const { lab, heldA, heldB, ask } = await scene({ home: { a: 50, b: 50 }, limits: [1, 3] });
    const answers = ['1', '2', '3', '4'].map((text) => ask(text));
    await held(heldB, 3);
    expect(heldA.held.length).toBe(1);
    const { clusters, callers } = await lab.state();
    expect(clusters['b']?.counters).toMatchObject({ requests: 3, spilled: 0 });
    expect(callers).toMatchObject({ queued: 0, shed: 0 });
    heldA.releaseAll();
    heldB.releaseAll();
    expect(await textsOf(answers)).toEqual(['1', '2', '3', '4']);
  });

  test('goes to a standby up to the share, and no further', async () => {
    const { lab, heldA, heldB, ask } = await scene({ limits: [6, 6], overload: { spillMaxPct: 25 } });
    const answers = Array.from({ length: 10 }, (_, i) => ask(`r${i}`));
    await held(heldB, 2); // 2 of 8; a third would be 3 of 9
    await waiting(lab, 2);
    expect(heldA.held.length).toBe(6);
    expect((await lab.state()).clusters['b']?.counters).toMatchObject({ requests: 2, spilled: 2 });
    heldB.release();
    await held(heldB, 2); // its place in the share is free again
    await waiting(lab, 1);
    expect(heldA.held.length).toBe(6);
    heldA.releaseAll();
    heldB.releaseAll();
    await eventually(() => heldA.texts.length === 7);
    heldA.releaseAll();
    expect(new Set(await textsOf(answers)).size).toBe(10);
  });

  test('never goes to a standby that is drained', async () => {
    const { lab, heldA, heldB, ask } = await scene({ overload: { spillMaxPct: 100 } });
    await lab.admin('POST', '/drain/chat', { epoch: 1, cluster: 'b' });
    const answers = [ask('1'), ask('2')];
    await waiting(lab, 1);
    heldA.release();
    await eventually(() => heldA.texts.length === 2);
    heldA.release();
    await Promise.all(answers);
    expect(heldB.texts).toEqual([]);
  });

  test('goes to a standby without regard to the share when those that carry failed', async () => {
    const { a, heldB, ask } = await scene({ limits: [1, 5] });
    await a.crash();
    const answers = ['1', '2', '3'].map((text) => ask(text));
    await held(heldB, 3);
    heldB.releaseAll();
    expect((await Promise.all(answers)).map((r) => r.status)).toEqual([200, 200, 200]);
  });
});

test('a request that failed where it should go waits for the standby without regard to the share', async () => {
  const { lab, a, heldB, ask } = await scene();
  a.behave(status(500));
  const answers = [ask('1')];
  await held(heldB, 1);
  answers.push(ask('2'));
  await waiting(lab, 1);
  heldB.release();
  await eventually(() => heldB.texts.length === 2);
  heldB.release();
  expect(await textsOf(answers)).toEqual(['1', '2']);
  expect((await lab.state()).clusters['b']?.counters).toMatchObject({ spilled: 0 });
});

test('a cluster of two services has one limit, and what one of them frees serves the other', async () => {
  const { lab, definition, heldA, ask } = await scene();
  const only = { ...definition, service: 'mail', members: definition.members.slice(0, 1), home: { a: 100 } };
  expect((await lab.admin('PUT', '/services/mail', only)).status).toBe(200);
  const chat = ask('chat');
  await held(heldA, 1);
  const mail = lab.chat({ model: 'mail', text: 'mail' });
  await eventually(async () => (await lab.state('mail')).waiting === 1);
  expect(heldA.texts).toEqual(['chat']);
  heldA.release();
  await eventually(() => heldA.texts.length === 2);
  heldA.release();
  expect(await textsOf([chat, mail])).toEqual(['chat', 'mail']);
});

test('a limit that is to be learned grows while it is used, and shrinks when the cluster refuses', async () => {
  const a = await upstream(answerAs('a'));
  const defined = service({ a: a.url }, { a: 100 });
  const members = defined.members.map((m) => ({ ...m, limit: 'learned' as const }));
  const lab = await gateway([{ ...defined, members }]);
  const limit = async (): Promise<number> => (await lab.state()).clusters['a']?.limit ?? 0;
  expect(await limit()).toBe(LEARN_FIRST);
  a.behave((request, res) => setTimeout(() => answerAs('a')(request, res), 50));
  const crowd = async (): Promise<unknown> =>
    await Promise.all(Array.from({ length: 2 * LEARN_FIRST }, async () => await (await lab.chat()).text()));
  await eventually(async () => {
    await crowd();
    return (await limit()) > LEARN_FIRST;
  });
  a.behave(status(429));
  await eventually(async () => {
    await crowd();
    return (await limit()) < LEARN_FIRST;
  });
});

describe('the queue', () => {
  test('serves by priority, then who came first; each gets its own answer', async () => {
    const { lab, heldA, ask } = await scene();
    const first = ask('first');
    await held(heldA, 1);
    const answers = [];
    for (const [i, word] of ['low', 'normal', 'high', 'low', 'normal', 'high'].entries()) {
      answers.push(ask(`${word}${i}`, priority(word)));
      await waiting(lab, i + 1);
    }
    for (let n = 1; n <= 7; n++) {
      await eventually(() => heldA.texts.length === n);
      expect(heldA.held.length).toBe(1);
      heldA.release();
    }
    expect(heldA.texts).toEqual(['first', 'high2', 'high5', 'normal1', 'normal4', 'low0', 'low3']);
    expect(await textsOf([first, ...answers])).toEqual([
      'first',
      'low0',
      'normal1',
      'high2',
      'low3',
      'normal4',
      'high5',
    ]);
    expect((await lab.state()).callers).toMatchObject({ total: 7, ok: 7, queued: 6, shed: 0, lost: 0 });
  });

  test('a full queue refuses the least important, be it one that waits already', async () => {
    const { lab, heldA, ask } = await scene({ overload: { waitingMax: 2 } });
    const first = ask('first');
    await held(heldA, 1);
    const low = ask('low', priority('low'));
    await waiting(lab, 1);
    const normal = ask('normal');
    await waiting(lab, 2);
    const laterLow = await ask('later', priority('low'));
    expect(laterLow.status).toBe(503);
    const high = ask('high', priority('high'));
    const refused = await low;
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(5);
    expect(await refused.json()).toMatchObject({ error: { type: 'unavailable', code: 'overloaded' } });
    for (let n = 1; n <= 3; n++) {
      await eventually(() => heldA.texts.length === n);
      heldA.release();
    }
    expect(await textsOf([first, high, normal])).toEqual(['first', 'high', 'normal']);
    expect((await lab.state()).callers).toMatchObject({ total: 5, ok: 3, lost: 2, shed: 2 });
  });

  test('refuses who waited too long', async () => {
    const { heldA, ask } = await scene({ overload: { waitMs: 100 } });
    const first = ask('first');
    await held(heldA, 1);
    const late = await ask('late', priority('high'));
    expect([late.status, late.headers.get('x-understudy-cluster')]).toEqual([503, null]);
    expect(Number(late.headers.get('retry-after'))).toBeLessThanOrEqual(2);
    heldA.release();
    expect((await first).status).toBe(200);
  });

  test('forgets at once who left', async () => {
    const { lab, heldA, ask } = await scene();
    const first = ask('first');
    await held(heldA, 1);
    const leaving = new AbortController();
    const gone = ask('gone', { signal: leaving.signal });
    await waiting(lab, 1);
    leaving.abort();
    await expect(gone).rejects.toThrow();
    await waiting(lab, 0);
    heldA.release();
    await first;
    expect(heldA.texts).toEqual(['first']);
    const { callers, clusters } = await lab.state();
    expect(callers).toMatchObject({ total: 2, ok: 1, lost: 0, shed: 0 });
    expect(clusters['a']?.inFlight).toBe(0);
  });

  test('is served when another cluster begins to carry, and when a limit grows', async () => {
    const { lab, definition, heldA, heldB, ask } = await scene();
    const answers = ['1', '2', '3', '4'].map((text) => ask(text));
    await waiting(lab, 3);
    await lab.admin('PUT', '/routes/chat', { epoch: 1, weights: { a: 50, b: 50 } });
    await held(heldB, 1);
    await waiting(lab, 2);
    const members = definition.members.map((m) => ({ ...m, limit: 2 }));
    await lab.admin('PUT', '/services/chat', { ...definition, members });
    await held(heldA, 2);
    await held(heldB, 2);
    heldA.releaseAll();
    heldB.releaseAll();
    expect((await textsOf(answers)).toSorted()).toEqual(['1', '2', '3', '4']);
  });
});

test('a priority that is none is refused, for it would pass for normal until the day when it matters', async () => {
  const { ask, heldA } = await scene();
  const answer = await ask('1', priority('urgent'));
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ error: { code: 'bad-input' } });
  expect(heldA.texts).toEqual([]);
});

test('the priority is for the gateway, not for the cluster', async () => {
  const { a, lab } = await scene();
  a.behave(answerAs('a'));
  await lab.chat({}, priority('high'));
  expect(a.requests[0]?.headers).not.toHaveProperty('x-understudy-priority');
});

describe('a stream that broke off', () => {
  const began: Behaviour = (_request, res) => beginStream(res, frame(role) + frame(delta('one ')));
  const REST = frame(delta('two')) + frame(finish('stop')) + frame('[DONE]');
  const CHAT = { model: 'chat', stream: true, messages: [{ role: 'user', content: 'count' }] };

  test('goes on at once on a full cluster, before those that wait', async () => {
    const { lab, a, b, heldB, ask } = await scene({ home: { a: 50, b: 50 } });
    a.behave(began);
    const stream = await openStream(lab.url, CHAT);
    const full = ask('full');
    await held(heldB, 1);
    const queued = ask('queued');
    await waiting(lab, 1);
    b.behave((_request, res) => {
      beginStream(res, REST);
      res.end();
    });
    await a.crash();
    expect(await readStream(stream)).toMatchObject({ text: 'one two', errors: [], dones: 1 });
    expect([heldB.held.length, heldB.texts]).toEqual([1, ['full']]);
    b.behave(heldB.behave);
    heldB.release();
    await eventually(() => heldB.texts.length === 2);
    heldB.release();
    expect(await textsOf([full, queued])).toEqual(['full', 'queued']);
  });

  test('is not piled on a full cluster without end: what finds no room in time ends with a word', async () => {
    const { lab, a, b } = await scene({ limits: [4, 1], overload: { waitMs: 200 } });
    a.behave(began);
    const streams = await Promise.all([1, 2, 3, 4].map(async () => await openStream(lab.url, CHAT)));
    const rests: (() => void)[] = [];
    b.behave((_request, res) => {
      beginStream(res, '');
      rests.push(() => res.end(REST));
    });
    await lab.admin('POST', '/drain/chat', { epoch: 1, cluster: 'a', rehome: true, handOver: true });
    await eventually(() => rests.length === limitForBegun(1));
    await eventually(async () => countersOf(await lab.state()).cut === 1);
    for (const rest of rests) rest();
    const seen = await Promise.all(streams.map(readStream));
    expect(seen.map((s) => s.errors[0]?.reason ?? s.text).toSorted()).toEqual([
      'no-room',
      'one two',
      'one two',
      'one two',
    ]);
    expect(countersOf(await lab.state())).toMatchObject({ total: 4, ok: 3, continued: 3, cut: 1, shed: 0 });
  });
});

test('a caller that leaves while its place is being given costs nobody anything', async () => {
  const { lab, heldA, ask } = await scene({ overload: { waitingMax: 50 } });
  const first = ask('first');
  await held(heldA, 1);
  const leaving = new AbortController();
  const gone = Array.from({ length: 20 }, (_, i) => ask(`gone${i}`, { signal: leaving.signal }).catch(() => null));
  await waiting(lab, 20);
  heldA.release();
  leaving.abort();
  await Promise.all([first, ...gone]);
  await eventually(async () => (await lab.state()).clusters['a']?.inFlight === 0);
  expect((await lab.state()).waiting).toBe(0);
  const last = ask('last');
  await held(heldA, 1);
  heldA.release();
  expect(await textsOf([last])).toEqual(['last']);
});
