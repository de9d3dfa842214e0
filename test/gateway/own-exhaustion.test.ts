/** What this process lacks while an answer runs is held against no cluster. */
import { expect, test } from 'vitest';
import { outcomeOf, type AttemptEnd, type AttemptOrder } from '../../src/gateway/request/attempt-order.js';
import { Attempt } from '../../src/gateway/request/attempt.js';
import { Caller, memberNamed } from './played.js';
import { delta, frame } from './upstream.js';

const LACKS = ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL', 'EADDRINUSE', 'EAGAIN'];

/** An attempt that has begun to speak, and meets this error. */
function brokenOff(type: string, code: string): AttemptEnd {
  const ends: AttemptEnd[] = [];
  const res = Object.assign(new Caller().res, { destroy: () => undefined });
  const order: AttemptOrder = {
    member: {
      ...memberNamed('a'),
      upstream: { prefix: '', url: new URL('http://127.0.0.1'), connections: null },
    } as never,
    request: {
      method: 'POST',
      path: '/v1/chat/completions',
      headers: [],
      stream: true,
      streamKind: 'choices',
      choices: 1,
    },
    ...{
      body: null,
      keeper: null,
      notBefore: null,
      hides: null,
      res,
      said: null,
      splice: null,
      memory: { take: () => true },
    },
    ...{ firstByteMs: 10_000, idleMs: 10_000, replaceable: () => true, continuable: () => true },
    onSpeaking: () => undefined,
  };
  const attempt = new Attempt(order, (end) => ends.push(end));
  attempt.onHead(200, { 'content-type': type });
  attempt.onBody(Buffer.from(frame(delta('one '))));
  attempt.onError(Object.assign(new Error(code), { code }));
  const [end] = ends;
  if (end === undefined) throw new Error('it did not end');
  return end;
}

test.each(
  LACKS.flatMap((code) => [
    [code, 'text/event-stream'],
    [code, 'audio/mpeg'],
  ]),
)('%s after the first byte of %s', (code, type) => {
  const end = brokenOff(type, code);
  expect(end).toMatchObject({ kind: 'cut', reason: { why: code } });
  expect(outcomeOf(end)).toEqual({ kind: 'none' });
});

test('a connection that its cluster broke is held against it', () => {
  expect(outcomeOf(brokenOff('text/event-stream', 'ECONNRESET'))).toMatchObject({ kind: 'failed', failure: 'cut' });
});
