/**
 * What a cluster's bytes are read as. By the book (RFC 9112) any answer that can be written is read as it was meant, and
 * what two readers could take for different answers is none at all; both however the bytes are parted.
 */
import fc from 'fast-check';
import { request } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { HEAD_BYTES_MAX } from '../../../src/gateway/upstream/answer-reader.js';
import { answer, bytesOf, hear, parted, share, shares } from './answers.js';
import { runs } from '../../kit/runs.js';

const OK = 'HTTP/1.1 200 OK\r\n';
const LONG = 'x'.repeat(HEAD_BYTES_MAX);

const GOOD: readonly (readonly [string, string, Partial<ReturnType<typeof hear>>])[] = [
  ['a length', `${OK}content-length: 2\r\n\r\nhi`, { status: 200, body: 'hi', over: true, reusable: true }],
  ['a length of nothing', `${OK}content-length: 0\r\n\r\n`, { body: '', over: true, reusable: true }],
  ['chunks', `${OK}transfer-encoding: Chunked\r\n\r\n2;a=b\r\nhi\r\n0\r\nx: y\r\n\r\n`, { body: 'hi', over: true }],
  ['neither', `${OK}\r\nhi`, { body: 'hi', over: false, endsWithConnection: true, reusable: false }],
  ['no reason', 'HTTP/1.1 503\r\ncontent-length: 0\r\n\r\n', { status: 503, over: true }],
  ['HTTP/1.0', 'HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi', { body: 'hi', over: true, reusable: false }],
  ['that it closes', `${OK}Connection: Foo , CLOSE\r\ncontent-length: 0\r\n\r\n`, { over: true, reusable: false }],
  ['that it does not', `${OK}connection: closed\r\ncontent-length: 0\r\n\r\n`, { over: true, reusable: true }],
  ['204', 'HTTP/1.1 204 No\r\ncontent-length: 5\r\n\r\n', { headers: {}, body: '', over: true, reusable: true }],
  ['304', 'HTTP/1.1 304 No\r\ncontent-length: 5\r\n\r\n', { headers: { 'content-length': '5' }, over: true }],
  ['more behind', `${OK}content-length: 2\r\n\r\nhiHTTP/1.1 200`, { body: 'hi', over: true, taken: 40 }],
  ['100 before', `HTTP/1.1 100 Continue\r\n\r\n${OK}content-length: 0\r\n\r\n`, { status: 200, over: true }],
  ['said twice', `${OK}a: 1\r\nA: 2\r\ncontent-length: 0\r\n\r\n`, { headers: { a: '1, 2', 'content-length': '0' } }],
  ['cookies', `${OK}set-cookie: a\r\nset-cookie: b,c\r\n\r\n`, { headers: { 'set-cookie': ['a', 'b,c'] } }],
  ['no value', `${OK}a:\r\nb: \t\r\n\r\n`, { headers: { a: '', b: '' } }],
  ['a letter whose last byte is A0', `${OK}a: \xc3\xa0\r\n\r\n`, { headers: { a: '\xc3\xa0' } }],
  ['as much as is allowed', `${OK}a: ${LONG.slice(0, -OK.length - 3)}\r\n\r\n`, { status: 200 }],
];

test.each(GOOD)('understood: %s', (_, text, meant) => {
  const bytes = bytesOf(text);
  expect(hear([bytes])).toMatchObject({ bad: null, ...meant });
  expect(hear([...bytes].map((byte) => Buffer.of(byte)))).toEqual(hear([bytes]));
});

test('the length of an answer that can have no body is not told on', () => {
  expect(hear([bytesOf('HTTP/1.1 204 No\r\ncontent-length: 5\r\na: b\r\n\r\n')]).headers).toEqual({ a: 'b' });
});

test('what a header may be named does no harm', () => {
  const { headers } = hear([bytesOf(`${OK}__proto__: x\r\nconstructor: y\r\n\r\n`)]);
  expect(Object.keys({ ...headers })).toContain('constructor');
  expect(({} as Record<string, unknown>)['x']).toBeUndefined();
});

test('an answer to HEAD has no body, whatever it says of one', () => {
  const heard = hear([bytesOf(`${OK}content-length: 5\r\n\r\n`)], 'HEAD');
  expect(heard).toMatchObject({ headers: { 'content-length': '5' }, body: '', over: true, reusable: true });
});

const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;
const BAD: readonly (readonly [string, string])[] = [
  ['no HTTP', 'SSH-2.0-x\r\n\r\n'],
  ['an empty line first', `\r\n${OK}\r\n`],
  ['HTTP/2', 'HTTP/2 200 OK\r\n\r\n'],
  ['HTTP/1.10', 'HTTP/1.10 200 OK\r\n\r\n'],
  ['small letters', 'http/1.1 200 OK\r\n\r\n'],
  ['two spaces', 'HTTP/1.1  200 OK\r\n\r\n'],
  ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
  ['a status below 100', 'HTTP/1.1 099 OK\r\n\r\n'],
  ['a status above 599', 'HTTP/1.1 600 OK\r\n\r\n'],
  ['another protocol', 'HTTP/1.1 101 Go\r\nupgrade: x\r\n\r\n'],
  ['announcements without end', 'HTTP/1.1 100 Go\r\n\r\n'.repeat(9)],
  ['a line feed alone', `${OK}a: b\nc: d\r\n\r\n`],
  ['line feeds only', `HTTP/1.1 200 OK\ncontent-length: 0\n\n\r\n\r\n`],
  ['a carriage return alone', `${OK}a: b\rc: d\r\n\r\n`],
  ['a zero byte', `${OK}a: b\0\r\n\r\n`],
  ['a delete', `${OK}a: b\x7f\r\n\r\n`],
  ['a folded line', `${OK}a: b\r\n c: d\r\n\r\n`],
  ['a space before the colon', `${OK}content-length : 5\r\n\r\n`],
  ['a space before the name', `HTTP/1.1 200 OK\r\n content-length: 5\r\n\r\n`],
  ['no colon', `${OK}content-length\r\n\r\n`],
  ['no name', `${OK}: 5\r\n\r\n`],
  ['a name beyond ASCII', `${OK}\xe9: 5\r\n\r\n`],
  ['two lengths', `${OK}content-length: 5\r\ncontent-length: 6\r\n\r\n`],
  ['one length twice', `${OK}content-length: 5\r\ncontent-length: 5\r\n\r\n`],
  ['a list of lengths', `${OK}content-length: 5, 5\r\n\r\n`],
  ['no length at all', `${OK}content-length:\r\n\r\n`],
  ['a length with a sign', `${OK}content-length: +5\r\n\r\n`],
  ['a negative length', `${OK}content-length: -5\r\n\r\n`],
  ['a length in hex', `${OK}content-length: 0x5\r\n\r\n`],
  ['a broken length', `${OK}content-length: 5.0\r\n\r\n`],
  ['a length beyond numbers', `${OK}content-length: 99999999999999999999\r\n\r\n`],
  ['a length with a space that is none', `${OK}content-length: 5\xa0\r\n\r\n`],
  ['chunks with a space that is none', `${OK}transfer-encoding: \xa0chunked\r\n\r\n`],
  ['no clear length where no body follows', 'HTTP/1.1 304 No\r\ncontent-length: 5, 6\r\n\r\n'],
  ['a length and chunks', `${OK}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n`],
  ['another coding', `${OK}transfer-encoding: gzip, chunked\r\n\r\n`],
  ['chunks twice', `${OK}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n`],
  ['chunks that are none', `${OK}transfer-encoding: xchunked\r\n\r\n`],
  ['no coding', `${OK}transfer-encoding: identity\r\n\r\n`],
  ['chunks in HTTP/1.0', 'HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'],
  ['a size that is none', `${CHUNKED}x\r\n`],
  ['no size', `${CHUNKED}\r\n`],
  ['a size with a sign', `${CHUNKED}+5\r\n`],
  ['a size in hex', `${CHUNKED}0x5\r\n`],
  ['a space before the size', `${CHUNKED} 5\r\n`],
  ['a size beyond numbers', `${CHUNKED}fffffffff\r\n`],
  ['a size with a line feed alone', `${CHUNKED}5\n`],
  ['a line feed in an extension', `${CHUNKED}5;a\nb\r\n`],
  ['a carriage return in an extension', `${CHUNKED}5;a\rb\r\n`],
  ['an extension without end', `${CHUNKED}5;${LONG}`],
  ['a chunk that is longer', `${CHUNKED}2\r\nhi!\r\n`],
  ['a chunk with a line feed alone', `${CHUNKED}2\r\nhi\n0\r\n\r\n`],
  ['a trailer with a line feed alone', `${CHUNKED}0\r\na: b\n\r\n`],
  ['trailers without end', `${CHUNKED}0\r\n${`a: ${'x'.repeat(900)}\r\n`.repeat(50)}`],
  ['a head without end', `${OK}a: ${LONG}`],
  ['a head that is too large', `${OK}a: ${LONG.slice(0, -OK.length - 2)}\r\n\r\n`],
];

test.each(BAD)('refused: %s', (_, text) => {
  const bytes = bytesOf(text);
  const heard = hear([bytes]);
  expect(heard.bad).not.toBeNull();
  expect(hear([...bytes].map((byte) => Buffer.of(byte)))).toEqual(heard);
});

test('any answer is read as it was written, however it is parted, and nothing of what comes behind it', () => {
  fc.assert(
    fc.property(answer, shares, fc.constantFrom('', 'x', `${OK}\r\n`), (written, cuts, more) => {
      const behind = written.untilClose ? '' : more;
      const bytes = bytesOf(written.text);
      const heard = hear(parted(bytesOf(written.text + behind), cuts));
      expect(heard).toMatchObject({ status: written.status, body: written.body, bad: null, taken: bytes.length });
      expect(heard.over).toBe(!written.untilClose);
      expect(heard.endsWithConnection).toBe(written.untilClose);
      for (const [name, value] of written.fields) expect(heard.headers[name]).toBe(value);
    }),
    { numRuns: runs(100) },
  );
});

/** An answer with some of its bytes exchanged, left out or put in. */
const spoilt = fc
  .tuple(answer, fc.array(fc.tuple(share, fc.integer({ min: 0, max: 2 }), fc.constantFrom(...'\r\n\0:;0f \xa0'))))
  .map(([{ text }, changes]) => {
    let changed = text;
    for (const [where, without, instead] of changes) {
      const at = Math.floor(where * changed.length);
      changed = changed.slice(0, at) + instead + changed.slice(at + without);
    }
    return changed;
  });

test('any bytes are an answer or a fault, and the same however they are parted', () => {
  const any = fc.uint8Array({ maxLength: 400 }).map((all) => Buffer.from(all).toString('latin1'));
  fc.assert(
    fc.property(fc.oneof(spoilt, any), shares, fc.constantFrom('GET', 'HEAD'), (text, cuts, method) => {
      const bytes = bytesOf(text);
      expect(hear(parted(bytes, cuts), method)).toEqual(hear([bytes], method));
    }),
    { numRuns: runs(200) },
  );
});

test('what has no end is given up soon', () => {
  const piece = bytesOf('x'.repeat(100));
  for (const begin of ['', OK, `${CHUNKED}5;`, `${CHUNKED}0\r\n`]) {
    let pieces = 0;
    const endless = function* (): Generator<Buffer> {
      yield bytesOf(begin);
      for (; pieces < 10_000; pieces++) yield piece;
    };
    expect(hear([...endless()]).bad).not.toBeNull();
  }
});

/** What Node's own client hears of the same bytes. */
async function heardByNode(bytes: Buffer): Promise<{ status: number; body: string } | 'bad'> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(bytes));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await new Promise((resolve) => {
      const asked = request({ port: (server.address() as AddressInfo).port, agent: false }, (res) => {
        const pieces: Buffer[] = [];
        res.on('data', (piece: Buffer) => pieces.push(piece));
        res.on('end', () => resolve({ status: res.statusCode ?? 0, body: Buffer.concat(pieces).toString('latin1') }));
        res.on('error', () => resolve('bad'));
      });
      asked.on('error', () => resolve('bad')).end();
    });
  } finally {
    server.close();
  }
}

test('a second opinion: where ours and the client of Node both understand, they understand the same', async () => {
  let both = 0;
  await fc.assert(
    fc.asyncProperty(fc.oneof({ arbitrary: answer, weight: 2 }, spoilt), async (written) => {
      const bytes = bytesOf(typeof written === 'string' ? written : written.text);
      const ours = hear([bytes]);
      const theirs = await heardByNode(bytes);
      // Written by the book: both must understand it, unless a rule of its own keeps Node from it (a long extension, say).
      if (typeof written !== 'string') expect(ours.bad).toBeNull();
      if (theirs === 'bad' || ours.bad !== null || !(ours.over || ours.endsWithConnection)) return;
      both += 1;
      expect({ status: ours.status, body: ours.body }).toEqual(theirs);
    }),
    { numRuns: runs(150) },
  );
  expect(both).toBeGreaterThan(50);
});
