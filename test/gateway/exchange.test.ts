import { afterEach, describe, expect, test } from 'vitest';
import { SLOW_START_FIRST_PCT } from '../../src/domain/admission/slow-start.js';
import { eventually } from '../kit/eventually.js';
import { gateway, service, stopAll, upstream, type Lab } from './kit.js';
import {
  answerAs,
  beginStream,
  delta,
  finish,
  frame,
  hang,
  role,
  sendJson,
  status,
  WHOLE_STREAM,
  type Behaviour,
  type Upstream,
} from './upstream.js';

afterEach(stopAll);

async function pair(
  first: Behaviour,
  second: Behaviour = answerAs('b'),
  settings: Parameters<typeof gateway>[1] = {},
): Promise<{ a: Upstream; b: Upstream; lab: Lab }> {
  const a = await upstream(first);
  const b = await upstream(second);
  const lab = await gateway([service({ a: a.url, b: b.url }, { a: 100, b: 0 })], settings);
  return { a, b, lab };
}

const stream =
  (text: string): Behaviour =>
  (_request, res) => {
    beginStream(res, text);
    res.end();
  };

describe('a failure before the first byte is retried on another cluster', () => {
  test.each<[string, Behaviour]>([
    ['a 500', status(500)],
    ['a 503', status(503)],
    ['a reset connection', (_request, res) => res.destroy()],
    [
      'an answer that breaks off in the middle',
      (_r, res) => {
        res.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 });
        res.write('{"a":');
        setTimeout(() => res.destroy(), 20);
      },
    ],
    ['no first byte in time', hang],
    [
      'silence after the headers',
      (_r, res) => {
        res.writeHead(200, { 'content-type': 'application/json' });
        res.flushHeaders();
      },
    ],
    [
      'an aborted answer in one piece',
      (_r, res) => sendJson(res, 200, { choices: [{ index: 0, finish_reason: 'abort' }] }),
    ],
  ])('%s', async (_name, behaviour) => {
    const { a, b, lab } = await pair(behaviour, answerAs('b'), {
      settings: { firstByteTimeoutMs: 150, idleTimeoutMs: 150 },
    });
    const answer = await lab.chat();
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-understudy-cluster')).toBe('b');
    expect(await answer.json()).toMatchObject({ from: 'b' });
    expect([a.requests.length, b.requests.length]).toEqual([1, 1]);
    const { clusters, callers } = await lab.state();
    expect(callers).toMatchObject({ total: 1, ok: 1, retried: 1, lost: 0, cut: 0 });
    expect(clusters['a']?.counters).toMatchObject({ requests: 1, ok: 0, cluster: 1, cut: 0 });
    expect(clusters['b']?.counters).toMatchObject({ requests: 1, ok: 1 });
    expect(clusters['a']?.failingSinceMs).not.toBeNull();
    expect(clusters['b']?.lastOkAtMs).not.toBeNull();
    expect(clusters['a']?.inFlight).toBe(0);
  });

  test.each<[string, Behaviour]>([
    ['an error event first', stream(frame({ error: { message: 'engine dead', code: 500 } }) + frame('[DONE]'))],
    ['a named error event first', stream('event: error\ndata: oops\n\n')],
    ['the role and then an error', stream(frame(role) + frame({ error: { message: 'x' } }))],
    ['the role and then nothing', (_r, res) => beginStream(res, frame(role))],
    ['the role and then the end', stream(frame(role))],
    ['only keep-alives', (_r, res) => beginStream(res, ': ping\n\n')],
    ['only [DONE]', stream(frame('[DONE]'))],
    ['an empty stream', stream('')],
  ])('a stream with %s', async (_name, behaviour) => {
    const { lab } = await pair(behaviour, answerAs('b'), { settings: { firstByteTimeoutMs: 150, idleTimeoutMs: 150 } });
    const answer = await lab.chat({ stream: true });
    expect(answer.headers.get('x-understudy-cluster')).toBe('b');
    expect(await answer.text()).toBe(WHOLE_STREAM);
    expect((await lab.state()).callers).toMatchObject({ total: 1, ok: 1, retried: 1, lost: 0, cut: 0 });
  });

  test('a refused connection ejects at once, and the standby serves without a further try', async () => {
    const { a, lab } = await pair(answerAs('a'));
    await a.crash();
    for (let i = 0; i < 5; i++) expect((await lab.chat()).status).toBe(200);
    const { callers, clusters, effective, intended } = await lab.state();
    expect(callers).toMatchObject({ ok: 5, retried: 1, lost: 0 });
    expect(clusters['a']?.counters).toMatchObject({ requests: 1, cluster: 1 });
    expect(intended).toEqual({ a: 100, b: 0 });
    expect(effective).toEqual({ a: 0, b: 100 });
    expect(lab.lines.map((l) => l['event'])).toContain('cluster-ejected');
  });

  test('a cluster that came back is found by one request on trial', async () => {
    const { a, b, lab } = await pair(status(500));
    for (let i = 0; i < 3; i++) await lab.chat();
    expect((await lab.state()).effective).toEqual({ a: 0, b: 100 });
    a.behave(answerAs('a'));
    await eventually(async () => (await lab.chat()).headers.get('x-understudy-cluster') === 'a', 5_000);
    const { effective } = await lab.state();
    expect(effective['a']).toBeGreaterThanOrEqual(SLOW_START_FIRST_PCT);
    expect(effective['a'], 'it begins with a small share').toBeLessThan(100);
    expect(b.requests.length).toBeGreaterThan(2);
  });

  test('the last cluster is tried even when ejected, and is never ejected itself', async () => {
    const { a, b, lab } = await pair(status(500), status(500));
    for (let i = 0; i < 6; i++) await lab.chat();
    expect([a.requests.length, b.requests.length]).toEqual([6, 6]);
    a.behave(answerAs('a'));
    expect((await lab.chat()).status).toBe(200);
  });

  test('when all fail the caller reads why, in the shape that its client knows', async () => {
    const { lab } = await pair(
      (_r, res) => {
        res.writeHead(500, { 'content-type': 'text/html' });
        res.end('<h1>');
      },
      (_r, res) => res.destroy(),
    );
    const answer = await lab.chat();
    expect(answer.status).toBe(502);
    expect(await answer.json()).toMatchObject({ error: { type: 'upstream_error', code: 'cluster-failed' } });
    expect((await lab.state()).callers).toMatchObject({ total: 1, ok: 0, lost: 1 });
  });
});

describe('what is the caller’s own is passed on and never held against the cluster', () => {
  test.each([
    [400, 'client'],
    [404, 'client'],
    [501, 'client'],
    [429, 'quota'],
  ] as const)('%i', async (code, owner) => {
    const { b, lab } = await pair(status(code, 'yours'));
    for (let i = 0; i < 5; i++) {
      const answer = await lab.chat();
      expect(answer.status).toBe(code);
      expect(await answer.json()).toMatchObject({ error: { message: 'yours' } });
    }
    expect(b.requests).toHaveLength(0);
    const { callers, clusters, effective } = await lab.state();
    expect(callers).toMatchObject({ total: 5, [owner]: 5, lost: 0 });
    expect(clusters['a']?.counters).toMatchObject({ requests: 5, [owner]: 5, cluster: 0 });
    expect(effective).toEqual({ a: 100, b: 0 });
  });

  test('a prompt that is too long, said inside a stream', async () => {
    const text = frame({ error: { message: 'too long', code: 400 } }) + frame('[DONE]');
    const { b, lab } = await pair(stream(text));
    expect(await (await lab.chat({ stream: true })).text()).toBe(text);
    expect(b.requests).toHaveLength(0);
    expect((await lab.state()).callers).toMatchObject({ client: 1, cut: 0, lost: 0 });
  });
});

describe('a stream', () => {
  test('passes byte for byte, however the cluster splits it', async () => {
    const bytes = Buffer.from(WHOLE_STREAM.replaceAll('\n\n', '\r\n\r\n'));
    const { lab } = await pair((_r, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      let at = 0;
      const next = (): void => {
        if (at >= bytes.length) res.end();
        else res.write(bytes.subarray(at, (at += 7)), () => setImmediate(next));
      };
      next();
    });
    const answer = await lab.chat({ stream: true });
    expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
    const { callers, clusters } = await lab.state();
    expect(callers).toMatchObject({ ok: 1, cut: 0 });
    const counters = clusters['a']?.counters;
    expect(counters !== 'unknown' && counters?.firstToken.reduce((x, y) => x + y)).toBe(1);
  });

  const spoken = frame(role) + frame(delta('a'));
  /** Speaks, and ends in another way a moment later: what comes at once is all decided before the first byte. */
  const spokenThen =
    (rest: string): Behaviour =>
    (_request, res) => {
      beginStream(res, spoken);
      setTimeout(() => res.end(rest), 20);
    };
  test.each<[string, Behaviour]>([
    ['ends without a finish reason', spokenThen('')],
    ['ends with [DONE] alone', spokenThen(frame('[DONE]'))],
    ['was aborted by its engine', spokenThen(frame(finish('abort')) + frame('[DONE]'))],
    ['ends with an error event', spokenThen(frame({ error: { message: 'engine dead', code: 500 } }) + frame('[DONE]'))],
    [
      'breaks in the middle of a frame',
      (_r, res) => {
        beginStream(res, `${spoken}data: {"id"`);
        setTimeout(() => res.destroy(), 30);
      },
    ],
    ['falls silent', (_r, res) => beginStream(res, spoken)],
  ])('that %s and cannot be continued ends with a typed error, never silently', async (_name, behaviour) => {
    const { lab } = await pair(behaviour, answerAs('b'), { settings: { idleTimeoutMs: 150 } });
    const text = await (await lab.chat({ stream: true, logprobs: true })).text();
    expect(text.startsWith(`${spoken}data: {"error":`)).toBe(true);
    const error = { type: 'upstream_cut', code: 'cannot-continue', reason: 'logprobs' };
    expect(JSON.parse(text.slice(spoken.length + 5))).toMatchObject({ error });
    const { callers, clusters } = await lab.state();
    expect(callers).toMatchObject({ total: 1, ok: 0, cut: 1, lost: 0 });
    expect(clusters['a']?.counters).toMatchObject({ cut: 1, cluster: 0, ok: 0 });
  });

  test.each([
    ['is reset', ''],
    ['says an error', frame({ error: { message: 'engine dead', code: 500 } })],
  ])('of the Responses API that %s after its last event is whole: nobody needs a second end', async (_name, rest) => {
    const event = (type: string): string => `event: ${type}\n${frame({ type, response: { id: 'r', output: [] } })}`;
    const whole = event('response.created') + event('response.completed');
    const { lab } = await pair((_request, res) => {
      beginStream(res, whole.slice(0, -1)); // its blank line is missing
      setTimeout(() => res.write(rest === '' ? '' : `\n${rest}`, () => res.destroy()), 20);
    });
    const answer = await lab.chat({ input: 'hi', stream: true }, { path: '/v1/responses' });
    expect(await answer.text()).toBe(whole);
    expect((await lab.state()).callers).toMatchObject({ ok: 1, cut: 0 });
  });

  test('with two choices has ended when both have', async () => {
    const { lab } = await pair(spokenThen(frame(finish('stop', 0)) + frame('[DONE]')));
    expect(await (await lab.chat({ stream: true, n: 2 })).text()).toContain('"reason":"many-choices"');
    expect(await (await lab.chat({ stream: true })).text()).not.toContain('error');
  });

  test('a slow caller slows the cluster down instead of filling the gateway', async () => {
    const filler = frame(delta('x'.repeat(16 * 1024)));
    let written = 0;
    const { lab } = await pair(
      (_r, res) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' });
        const more = (): void => {
          while (written < 4_000) {
            written++;
            if (!res.write(filler)) {
              res.once('drain', more);
              return;
            }
          }
          res.end(frame(finish('stop')));
        };
        more();
      },
      answerAs('b'),
      { settings: { idleTimeoutMs: 300 } },
    );
    const answer = await lab.chat({ stream: true });
    const reader = answer.body!.getReader();
    await reader.read();
    let seen = -1;
    // Back-pressure has arrived when the cluster has not been able to write for a while, longer than the idle limit.
    await eventually(async () => {
      const before = written;
      await new Promise((r) => setTimeout(r, 400));
      seen = written;
      return before === written;
    }, 10_000);
    expect(seen).toBeLessThan(4_000);
    let bytes = 0;
    for (let part = await reader.read(); !part.done; part = await reader.read()) bytes += part.value.length;
    expect(bytes).toBeGreaterThan(3_900 * 16 * 1024);
    expect((await lab.state()).callers).toMatchObject({ ok: 1, cut: 0 });
  });

  test('whose caller leaves is cancelled at the cluster at once', async () => {
    const { a, lab } = await pair((_r, res) => beginStream(res, frame(role) + frame(delta('a'))));
    const abort = new AbortController();
    const answer = await lab.chat({ stream: true }, { signal: abort.signal });
    await answer.body!.getReader().read();
    expect((await lab.state()).clusters['a']?.inFlight).toBe(1);
    abort.abort();
    await eventually(() => a.requests[0]?.aborted === true, 2_000);
    const { callers, clusters } = await lab.state();
    expect(clusters['a']?.inFlight).toBe(0);
    expect(clusters['a']?.failingSinceMs).toBeNull();
    expect(callers).toMatchObject({ total: 1, ok: 0, lost: 0, cut: 0 });
  });
});

describe('a crowd', () => {
  test('that a dying cluster drops at once is served elsewhere, all of it', async () => {
    const waiting: (() => void)[] = [];
    const { lab } = await pair((_r, res) =>
      waiting.push(() => status(500)({ url: '', headers: {}, body: '', aborted: false }, res)),
    );
    const answers = Array.from({ length: 200 }, async () => (await lab.chat()).status);
    await eventually(() => waiting.length === 200, 5_000);
    for (const fail of waiting) fail();
    expect(new Set(await Promise.all(answers))).toEqual(new Set([200]));
    expect((await lab.state()).callers).toMatchObject({ total: 200, ok: 200, lost: 0, retried: 200 });
  });

  test('that waits at a hung cluster is sent elsewhere as soon as that is ejected', async () => {
    const { a, b, lab } = await pair(hang, answerAs('b'), { settings: { firstByteTimeoutMs: 3_000 } });
    const early = Array.from({ length: 3 }, async () => await lab.chat({ stream: true }));
    await eventually(() => a.requests.length === 3, 2_000);
    await new Promise((r) => setTimeout(r, 200));
    const late = Array.from({ length: 50 }, async () => await lab.chat({ stream: true }));
    await eventually(() => a.requests.length === 53);
    for (const answer of await Promise.all([...early, ...late]))
      expect(answer.headers.get('x-understudy-cluster')).toBe('b');
    expect(b.requests).toHaveLength(53);
    const { clusters } = await lab.state();
    expect(clusters['a']?.counters).toMatchObject({ requests: 53, cluster: 3 });
    await eventually(() => a.requests.every((r) => r.aborted), 2_000);
  });

  test('that the last cluster drops is served by one that failed before, when its back-off is over', async () => {
    const waiting: (() => void)[] = [];
    const { a, b, lab } = await pair(answerAs('a'), status(500));
    await lab.admin('PUT', '/routes/chat', { epoch: 1, weights: { a: 0, b: 100 } });
    for (let i = 0; i < 3; i++) await lab.chat();
    const backIn = Date.now() + 1_100;
    await lab.admin('PUT', '/routes/chat', { epoch: 1, weights: { a: 100, b: 0 } });
    b.behave(answerAs('b'));
    a.behave((request, res) => waiting.push(() => status(500)(request, res)));
    await eventually(() => Date.now() > backIn, 2_000);
    const answers = Array.from({ length: 50 }, async () => (await lab.chat()).status);
    await eventually(() => waiting.length === 50, 5_000);
    for (const fail of waiting) fail();
    expect(new Set(await Promise.all(answers))).toEqual(new Set([200]));
  });

  test('that the last cluster drops is served by one whose back-off still runs, and which then counts as well', async () => {
    const { a, b, lab } = await pair(answerAs('a'), status(500));
    await lab.admin('PUT', '/routes/chat', { epoch: 1, weights: { a: 0, b: 100 } });
    for (let i = 0; i < 3; i++) await lab.chat();
    await lab.admin('PUT', '/routes/chat', { epoch: 1, weights: { a: 100, b: 0 } });
    b.behave(answerAs('b'));
    a.behave(status(500));
    for (let i = 0; i < 5; i++) expect((await lab.chat()).status).toBe(200);
    const ejected = lab.lines.filter(({ event }) => event === 'cluster-ejected').map(({ cluster }) => cluster);
    expect(ejected).toEqual(['b', 'a']);
  });

  test('that two failing but living clusters refuse is not multiplied beyond the budget', async () => {
    const waiting: (() => void)[] = [];
    const slowly: Behaviour = (request, res) => waiting.push(() => status(500)(request, res));
    const only = await upstream(slowly);
    const { b, lab } = await (async () => {
      const second = await upstream(answerAs('b'));
      return { b: second, lab: await gateway([service({ a: only.url, b: second.url }, { a: 100, b: 0 })]) };
    })();
    // The other one is ejected, so that `a` is the last and stays in: its failures cost budget.
    b.behave(status(500));
    await lab.admin('PUT', '/routes/chat', { epoch: 1, weights: { a: 0, b: 100 } });
    only.behave(answerAs('a'));
    for (let i = 0; i < 3; i++) await lab.chat();
    await lab.admin('PUT', '/routes/chat', { epoch: 1, weights: { a: 100, b: 0 } });
    only.behave(slowly);
    const before = b.requests.length;
    const answers = Array.from({ length: 100 }, async () => (await lab.chat()).status);
    await eventually(() => waiting.length === 100, 900);
    for (const fail of waiting) fail();
    await Promise.all(answers);
    const retries = b.requests.length - before;
    expect(retries).toBeGreaterThanOrEqual(10);
    expect(retries).toBeLessThanOrEqual(25);
  });
});
