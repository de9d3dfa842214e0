/**
 * Whatever bytes come in, in whatever pieces: the gateway answers or closes, and the callers beside get exactly their own
 * text. Each of those asks with a word of its own and must hear that word and no other, also over connections to clusters
 * that many share, and when its stream breaks and goes on elsewhere.
 */
import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { gateway, service, stopAll, upstream, type Lab } from './kit.js';
import { sendRaw } from './raw.js';
import { openStream, readStream } from './read-stream.js';
import { beginStream, delta, finish, frame, role, sendJson, type Behaviour } from './upstream.js';
import { patienceMs, runs } from '../kit/runs.js';

afterEach(stopAll);

interface Asked {
  readonly messages?: readonly { readonly role: string; readonly content: string }[];
  readonly stream?: boolean;
}

/** Says the caller's word back, in tokens of four characters; every so often it breaks off in the middle. */
function echo(breakEvery: number): Behaviour {
  let streams = 0;
  return (request, res) => {
    const asked = parsed(request.body);
    const word = asked.messages?.[0]?.content ?? '';
    const said = asked.messages?.find((m) => m.role === 'assistant')?.content ?? '';
    const rest = word.slice(said.length);
    if (asked.stream !== true) {
      sendJson(res, 200, { text: word, choices: [{ index: 0, finish_reason: 'stop' }] });
      return;
    }
    const tokens = rest.match(/.{1,4}/gs) ?? [];
    const breaks = ++streams % breakEvery === 0 && tokens.length > 3;
    beginStream(res, frame(role));
    for (const token of breaks ? tokens.slice(0, 3) : tokens) res.write(frame(delta(token)));
    if (breaks) setImmediate(() => res.destroy());
    else res.end(frame(finish('stop')) + frame('[DONE]'));
  };
}

function parsed(body: string): Asked {
  try {
    return JSON.parse(body) as Asked;
  } catch {
    return {};
  }
}

/** Asks over and over until it is told to stop; the number of answers, each of which was its own. */
async function honestCaller(lab: Lab, stream: boolean, stopped: () => boolean): Promise<number> {
  let answers = 0;
  while (!stopped()) {
    const word = `${randomUUID()}${randomUUID()}`;
    const messages = [{ role: 'user', content: word }];
    if (stream) {
      const seen = await readStream(await openStream(lab.url, { model: 'chat', stream, messages }));
      expect(seen).toMatchObject({ text: word, errors: [], dones: 1, finishReasons: ['stop'] });
    } else {
      const answer = await lab.chat({ messages });
      expect(await answer.json()).toMatchObject({ text: word });
    }
    answers++;
  }
  return answers;
}

const JSON_BODY = '{"model":"chat","messages":[{"role":"user","content":"fuzz"}]}';
const HEAD = 'POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\n';

/** What a caller might send: good requests, parts of them, and anything else. */
const fragment: fc.Arbitrary<Buffer> = fc.oneof(
  fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
  fc
    .constantFrom(
      `${HEAD}Content-Length: ${JSON_BODY.length}\r\n\r\n${JSON_BODY}`,
      `${HEAD}Transfer-Encoding: chunked\r\n\r\n${JSON_BODY.length.toString(16)}\r\n${JSON_BODY}\r\n0\r\n\r\n`,
      `${HEAD}Content-Length: ${JSON_BODY.length}\r\nx-understudy-priority: low\r\n\r\n${JSON_BODY.replace('"model"', '"stream":true,"model"')}`,
      'GET /v1/models HTTP/1.1\r\nHost: g\r\n\r\n',
      'GET /readyz HTTP/1.0\r\n\r\n',
      HEAD,
      JSON_BODY,
      'Content-Length: 5\r\n',
      'Content-Length: 99\r\n',
      'Transfer-Encoding: chunked\r\n',
      'Connection: upgrade, close\r\nUpgrade: websocket\r\n',
      'Expect: 100-continue\r\n',
      'Expect: 200-maybe\r\n',
      'Content-Encoding: gzip\r\n',
      'x-understudy-service: \xff\r\n',
      '\r\n',
      '\n',
      '\r',
      '\r\n\r\n',
      '0\r\n\r\n',
      '5;a=b\r\nhello\r\n',
      'ffffffff\r\n',
      ' HTTP/1.1\r\n',
      'PUT /v1/../state/chat HTTP/1.1\r\n',
      'X-A: ' + 'a'.repeat(40_000) + '\r\n',
    )
    .map((text) => Buffer.from(text, 'latin1')),
);

interface Attack {
  readonly fragments: readonly Buffer[];
  /** Where the bytes are parted, and how many of them are sent, as shares. */
  readonly parts: readonly number[];
  readonly sent: number;
  readonly leave: 'end' | 'reset';
}

const share = fc.double({ min: 0, max: 1, noNaN: true });
const attack: fc.Arbitrary<Attack> = fc.record({
  fragments: fc.array(fragment, { minLength: 1, maxLength: 8 }),
  parts: fc.array(share, { maxLength: 6 }),
  sent: fc.oneof(fc.constant(1), share),
  leave: fc.constantFrom('end', 'reset'),
});

function piecesOf({ fragments, parts, sent }: Attack): Buffer[] {
  const whole = Buffer.concat(fragments);
  const bytes = whole.subarray(0, Math.ceil(whole.length * sent));
  const cuts = [0, ...parts.map((part) => Math.floor(part * bytes.length)).toSorted((x, y) => x - y), bytes.length];
  return cuts.slice(1).map((end, i) => bytes.subarray(cuts[i], end));
}

test(
  'any bytes, anyhow parted and broken off: no crash, no hang, and everybody else gets exactly his own text',
  async () => {
    const [a, b] = [await upstream(echo(3)), await upstream(echo(5))];
    const defined = service({ a: a.url, b: b.url }, { a: 50, b: 50 });
    const members = defined.members.map((m) => ({ ...m, limit: 3 })); // so that many wait, too
    const lab = await gateway([{ ...defined, members }]);
    let over = false;
    const callers = [false, true, true, false].map((stream) => honestCaller(lab, stream, () => over));
    const answered = Promise.all(callers);
    answered.catch(() => undefined); // looked at below, when the attacks are over
    await fc.assert(
      fc.asyncProperty(fc.array(attack, { minLength: 1, maxLength: 4 }), async (attacks) => {
        await Promise.all(attacks.map(async (one) => await sendRaw(lab.url, piecesOf(one), { leave: one.leave })));
      }),
      { numRuns: runs(30) },
    );
    over = true;
    expect((await answered).every((count) => count > 0)).toBe(true);
    const { clusters, waiting } = await lab.state();
    expect([clusters['a']?.inFlight, clusters['b']?.inFlight, waiting]).toEqual([0, 0, 0]);
    expect(lab.lines.filter((line) => line['event'] === 'gateway-fault')).toEqual([]);
  },
  patienceMs(60_000),
);
