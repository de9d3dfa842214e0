/** The head that a cluster gets is the one that was meant: nothing that a caller says ends a line of it. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UnfitRequest, writtenHead, type UpstreamRequest } from '../../../src/gateway/upstream/request-head.js';
import { runs } from '../../kit/runs.js';

const get: UpstreamRequest = { method: 'GET', path: '/v1/models?a=b', headers: [], body: null };

test('a request without a body', () => {
  expect(writtenHead(get, '[::1]:8000')).toBe('GET /v1/models?a=b HTTP/1.1\r\nhost: [::1]:8000\r\n\r\n');
});

test('a request with a body and headers says how many bytes it has, not characters', () => {
  const request = { ...get, method: 'POST', headers: ['a', 'b', 'c', ''], body: Buffer.from('é漢') };
  const head = 'POST /v1/models?a=b HTTP/1.1\r\nhost: h\r\na: b\r\nc: \r\ncontent-length: 5\r\n\r\n';
  expect(writtenHead(request, 'h')).toBe(head);
});

test.each([
  ['GET', null, false],
  ['HEAD', null, false],
  ['DELETE', null, false],
  ['OPTIONS', null, false],
  ['POST', null, true],
  ['PUT', null, true],
  ['PATCH', null, true],
  ['GET', Buffer.alloc(0), true],
])('%s with the body %s says its length: %s', (method, body, says) => {
  expect(writtenHead({ ...get, method, body }, 'h').includes('\r\ncontent-length: 0\r\n\r\n')).toBe(says);
});

/** U+010A and U+010D are a line's end when they are cut to one byte, U+0100 is a zero byte. */
const UNFIT = [
  '\r',
  '\n',
  '\r\n',
  '\0',
  '\x01',
  '\x1f',
  '\x7f',
  '\u010a',
  '\u010d',
  '\u0100',
  '\u560d',
  '\ud800',
  '🙂',
];

test.each(UNFIT.map((c) => [JSON.stringify(c), c]))('%s in a value or a path is refused', (_, c) => {
  for (const around of [
    (x: string) => x,
    (x: string) => `a${x}b`,
    (x: string) => `a\r${x}`,
    (x: string) => `${x}x: y`,
  ]) {
    expect(() => writtenHead({ ...get, headers: ['ok', 'ok', 'x', around(c)] }, 'h')).toThrow(UnfitRequest);
    expect(() => writtenHead({ ...get, path: `/${around(c)}` }, 'h')).toThrow(UnfitRequest);
  }
});

test.each([' ', '\t', ' HTTP/1.1\r\nx: '])('%j in a path is refused', (c) => {
  expect(() => writtenHead({ ...get, path: `/a${c}b` }, 'h')).toThrow(UnfitRequest);
});

test('what is refused is named, but for its value, which may be a key', () => {
  const headers = ['authorization', 'Bearer secret\u010a'];
  const why = new UnfitRequest('the header authorization holds what no header may');
  expect(() => writtenHead({ ...get, headers }, 'h')).toThrow(why);
});

test('one byte a character, which are those that were given', () => {
  const head = writtenHead({ ...get, path: '/\xff', headers: ['x', '\t \x80\xe9\xff~'] }, 'h');
  expect(Buffer.from(head, 'latin1').toString('latin1')).toBe(
    'GET /\xff HTTP/1.1\r\nhost: h\r\nx: \t \x80\xe9\xff~\r\n\r\n',
  );
});

test('whatever a value and a path are: refused, or a head of as many lines as it must have', () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('a', ...UNFIT) }),
  );
  fc.assert(
    fc.property(text, text, (path, value) => {
      let head: string;
      try {
        head = writtenHead({ ...get, path: `/${path}`, headers: ['x', value] }, 'h');
      } catch (error) {
        expect(error).toBeInstanceOf(UnfitRequest);
        return;
      }
      const lines = Buffer.from(head, 'latin1')
        .toString('latin1')
        .split(/\r\n|\r|\n/);
      expect(lines).toEqual([`GET /${path} HTTP/1.1`, 'host: h', `x: ${value}`, '', '']);
    }),
    { numRuns: runs(100) },
  );
});
