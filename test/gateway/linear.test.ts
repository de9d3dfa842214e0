/**
 * Whatever reads what comes from outside takes time in proportion to it. Measured is growth: eight times as much may take
 * some twenty times as long (caches, collections), never the sixty times of a reader that begins anew at each place.
 */
import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { mediaTypeOf } from '../../src/domain/media-type.js';
import { priorityOf } from '../../src/domain/admission/priority.js';
import { prefixKey } from '../../src/domain/conversation/prefix-key.js';
import { parseJson } from '../../src/domain/outside.js';
import { tokensExpected } from '../../src/domain/token-cost.js';
import { labelOf, readSamples } from '../../src/engines/prometheus.js';
import { createSseParser } from '../../src/engines/sse.js';
import { AnswerSeen } from '../../src/gateway/account/answer-seen.js';
import { operationOf, withoutQuery } from '../../src/gateway/account/span-attributes.js';
import { HIDES_IDS } from '../../src/gateway/continuation/said-ids.js';
import { Said } from '../../src/gateway/continuation/said.js';
import { AnswerKeeper } from '../../src/gateway/conversations/answer-keeper.js';
import { apiPath, askedOf, streamKindOf, withModel } from '../../src/gateway/door/choose-service.js';
import { whoIsForeign } from '../../src/gateway/door/foreign.js';
import { parseBody } from '../../src/gateway/door/parse-body.js';
import { KeyRing } from '../../src/gateway/door/key-ring.js';
import { advised } from '../../src/gateway/request/advised-wait.js';
import { answerHead } from '../../src/gateway/request/answer-head.js';
import { requestHeaders } from '../../src/gateway/request/headers.js';
import { Relay } from '../../src/gateway/request/relay.js';
import { StreamScan } from '../../src/gateway/request/stream-scan.js';
import { wasAborted } from '../../src/gateway/request/whole-answer.js';
import { BadAnswer, readHead } from '../../src/gateway/upstream/answer-head.js';
import { AnswerReader } from '../../src/gateway/upstream/answer-reader.js';
import { Upstreams } from '../../src/gateway/upstream/upstreams.js';
import type { WatchedResponse } from '../../src/gateway/watched-response.js';
import { isGarbled } from '../../src/probes/golden.js';
import { printable } from '../../src/domain/printable.js';
import { EventReader } from '../../src/simulator/event-stream.js';
import { expectedAnswer } from '../../src/simulator/text.js';

const SMALL = 8 * 1024;
const TIMES = 8;
const GROWTH_MAX = 24;
/** Whatever takes less blocks nobody, and is too short to be compared. */
const NOTHING_MS = 20;
/** One that is linear needs one or two of them, but on a busy machine. */
const ROUNDS = 10;

/** Processor time, ms: others may have the machine. */
function costOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

function expectLinear(what: string, work: (chars: number) => () => void): void {
  const [small, large] = [work(SMALL), work(SMALL * TIMES)];
  let best = Infinity;
  let least = { small: Infinity, large: Infinity };
  // The least of a few rounds: the first ones are not compiled yet, and any may have met a collection.
  for (let round = 0; round < ROUNDS && best >= GROWTH_MAX; round++) {
    least = { small: Math.min(least.small, costOf(small)), large: Math.min(least.large, costOf(large)) };
    if (least.large < NOTHING_MS) return;
    best = least.large / least.small;
  }
  expect(best, `${what}: ${least.small} ms for ${SMALL} characters, ${least.large} ms for more`).toBeLessThan(
    GROWTH_MAX,
  );
}

/** Beginnings and endings of what readers look for, again and again. */
const ROWS = [
  ' ', '\t', 'a', '"', '\\', '\\"', '[', '{', ',', ':', '=', '\n', '\r\n', '/', '.', '%25', '%2', '/v1', '/v1/a', '?', 'é',
  'bearer ', 'close,', 'timeout=', ' x', '"model"', '"model" ', '"model":"x",', '"token_ids":[', '"token_ids" ',
  '"finish_reason" ', '"finish_reason":"stop",', '"previous_response_id" ', '"usage"', '"usage":{', '"content":"', '"text"',
  'data:', 'data:\n', 'event:', 'event:\n', ':\n', 'a="', 'a=', 'a="b",', '<|', 'Answer ', 'word ',
]; // prettier-ignore

const member = { name: 'c', authorization: null, upstream: new Upstreams(1).of('http://127.0.0.1:1') };
const sink = { onHead: () => undefined, onBody: () => undefined };
const atHome = whoIsForeign({ host: '127.0.0.1' });
const elsewhere = whoIsForeign({ host: '0.0.0.0', hosts: ['llm.example.com'] });
const ring = new KeyRing([], 0);
const keeper = new AnswerKeeper(null as never, { owner: { service: '', caller: '' }, asked: { previousId: 'x', keeps: false }, said: null, affinity: null }); // prettier-ignore
const res = (): WatchedResponse => ({ onPiece: null }) as unknown as WatchedResponse;
const out = {
  writeHead: () => undefined,
  write: () => true,
  end: () => undefined,
  once: () => undefined,
  socket: null,
};

function orBad(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof BadAnswer) && !(error as Error).message.includes('longer than')) throw error;
  }
}

function relayed(kind: 'choices' | 'responses' | 'opaque', pieces: readonly Buffer[]): void {
  const scan = new StreamScan(kind, 2, kind === 'choices' ? new Said() : null);
  const relay = new Relay({ res: out as never, scan, splice: null, keeper: HIDES_IDS });
  for (const piece of pieces) if (relay.pass(piece, scan.push(piece)) === 'broken') break;
}

const piecewise = (bytes: Buffer, size: number): readonly Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));

const headers = (value: string): IncomingMessage['headers'] => ({ authorization: value, 'x-conversation-id': value });

type Reader = (text: string, bytes: Buffer) => void;

const READERS: Readonly<Record<string, Reader>> = {
  'a path': (text) => void [apiPath(`/${text}`), apiPath(`/v1/${text}`), streamKindOf(`/v1/${text}`), operationOf(`/v1/${text}!`), withoutQuery(text)], // prettier-ignore
  'a key': (text) => void [ring.find(`Bearer ${text}`), ring.find(`bearer ${text}x y`), ring.find(text)],
  'a caller’s headers': (text) =>
    void [requestHeaders(['a', text, 'connection', text], text, true), askedOf({}, headers(text)), priorityOf(text)],
  'a body': (text, bytes) => {
    const body = Buffer.from(JSON.stringify({ messages: [{ role: 'user', content: text }], prompt: text, [text]: 1 }));
    const { value } = parseJson(body.toString()) as { value: unknown };
    void [withModel(body, 'y'), withModel(bytes, 'y'), parseJson(text), askedOf(value, {}), tokensExpected({ request: value, answers: 1, bytes: 0 }), prefixKey('chat', value), prefixKey('completions', value)]; // prettier-ignore
  },
  'a head of an answer': (text) => {
    for (const value of [text, `${text}x`, ` x${text}x`]) {
      const line = value.replaceAll(/[\r\n]+/g, ' ');
      orBad(() => answerHead({ headers: readHead(`HTTP/1.1 200 OK\r\na: ${line}\r\nlocation: ${line}\r\nconnection: ${line}\r\nkeep-alive: ${line}`, 'GET').headers, member, isVerbatim: false })); // prettier-ignore
      orBad(() => readHead(`HTTP/1.1 200 OK\r\n${line}`, 'GET'));
    }
  },
  'types and lists of a request': (text) => {
    for (const value of [text, `a/b;${text}`, `multipart/form-data; boundary=${text}`, `multipart/form-data; boundary="${text}`, `a/b;x="${text}",`]) // prettier-ignore
      void [mediaTypeOf(value), parseBody({ method: 'POST', headers: { 'content-type': value } } as IncomingMessage, '/v1/x', Buffer.from('{}'))]; // prettier-ignore
    void requestHeaders(['cookie', text, 'accept-encoding', text, 'x', text], 'keep-alive', false);
  },
  'where a page comes from': (text) => {
    for (const value of [text, `http://${text}`, `x${text}:1`, `[${text}]`])
      for (const foreign of [atHome, elsewhere])
        void [foreign({ headers: { host: value } } as never), foreign({ headers: { host: 'localhost', origin: value } } as never)]; // prettier-ignore
  },
  'what a cluster says of waiting': (text) => {
    for (const name of ['retry-after', 'retry-after-ms', 'x-ratelimit-reset-tokens'])
      for (const value of [text, `Mon, ${text}`, `${text}x`]) advised(name, value, 0);
  },
  'a head of many fields': (text) => {
    const row = text.slice(0, 2).replaceAll(/[\r\n:]/g, '-');
    const fields = `${row}: ${row}\r\n`.repeat(Math.floor(text.length / 8));
    orBad(() => answerHead({ headers: readHead(`HTTP/1.1 200 OK\r\n${fields}b: 1`, 'GET').headers, member, isVerbatim: false })); // prettier-ignore
    orBad(() => answerHead({ headers: readHead(`HTTP/1.1 200 OK\r\n${fields.replaceAll(`${row}:`, 'set-cookie:')}b: 1`, 'GET').headers, member, isVerbatim: false })); // prettier-ignore
  },
  'an answer, in small pieces': (_text, bytes) => {
    const begun = Buffer.from('HTTP/1.1 200 OK\r\na: ');
    const reader = new AnswerReader('GET', sink);
    orBad(() => piecewise(Buffer.concat([begun, bytes]), 8).forEach((piece) => reader.push(piece)));
  },
  'a whole answer': (_text, bytes) => void [wasAborted(bytes), keeper.rewrite(bytes), HIDES_IDS.rewrite(bytes)],
  'a stream of choices': (_text, bytes) => {
    relayed('choices', [bytes, Buffer.from('\n')]);
    relayed('choices', [Buffer.from('data: {"id":"'), bytes, Buffer.from('"}\n\n')]);
  },
  'a stream, in small pieces': (_text, bytes) => relayed('choices', piecewise(bytes, 8)),
  'a stream, a byte at a time': (_text, all) => {
    const bytes = all.subarray(0, all.length / 8); // each byte costs as much as a piece
    relayed('choices', piecewise(bytes, 1));
    const parser = createSseParser(() => undefined);
    orBad(() => piecewise(bytes, 1).forEach((piece) => parser.push(piece)));
  },
  'other streams': (_text, bytes) => (
    relayed('responses', piecewise(bytes, 100)),
    relayed('opaque', piecewise(bytes, 100))
  ),
  'events, in small pieces': (_text, bytes) => {
    const parser = createSseParser(() => undefined);
    orBad(() => piecewise(bytes, 8).forEach((piece) => parser.push(piece)));
  },
  'what an account sees': (text, bytes) => {
    const heard = res();
    const seen = new AnswerSeen(heard, { reasons: true });
    const see = (piece: Buffer | string): void => heard.onPiece?.(piece, undefined);
    see(text);
    for (const piece of piecewise(bytes, 8)) see(piece);
    void [seen.tokens(), seen.finishReasons()];
  },
  'a page of metrics': (text) => {
    for (const [, samples] of readSamples(`m{${text}} 1\nm{${text}="x"} 1\n${text}`, new Set(['m'])))
      for (const sample of samples) labelOf(sample, 'model');
    void [labelOf({ value: 1, labels: text }, 'model'), labelOf({ value: 1, labels: `${text}="x` }, 'a')];
  },
  'an answer to a probe': (text) => void [isGarbled(text), printable(text)],
  'what the simulator reads': (text, bytes) => {
    const reader = new EventReader();
    for (const piece of piecewise(bytes, 8)) reader.push(piece);
    expectedAnswer(`Repeat exactly: ${text}x`, { maxTokens: 10 });
  },
};

test.each(Object.entries(READERS))('%s', (_name, read) => {
  for (const row of ROWS)
    expectLinear(JSON.stringify(row), (chars) => {
      const text = row.repeat(chars / row.length);
      const bytes = Buffer.from(text);
      return () => read(text, bytes);
    });
});

test('a stream with more choices than anybody asked for', () => {
  expectLinear('choices', (chars) => {
    const frame = (index: number): string =>
      `data: {"choices":[{"index":${index},"delta":{},"finish_reason":"stop"}]}\n\n`;
    const bytes = Buffer.from(Array.from({ length: chars / 4 }, (_, index) => frame(index)).join(''));
    return () => relayed('choices', piecewise(bytes, 16 * 1024));
  });
});
