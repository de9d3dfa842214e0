/** Answers as clusters may write them, and what a reader of ours hears of them. */
import fc from 'fast-check';
import type { IncomingHttpHeaders } from 'node:http';
import { AnswerReader } from '../../../src/gateway/upstream/answer-reader.js';

export interface Heard {
  readonly status: number | null;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** What is wrong with it, said by a `BadAnswer`; anything else that is thrown comes through. */
  readonly bad: string | null;
  readonly over: boolean;
  readonly endsWithConnection: boolean;
  readonly reusable: boolean;
  /** How many of the bytes are its own. */
  readonly taken: number;
}

/** Reads an answer that comes in these parts, up to its end or its fault. */
export function hear(parts: readonly Buffer[], method = 'GET'): Heard {
  let [status, headers, bad, taken]: [number | null, IncomingHttpHeaders, string | null, number] = [null, {}, null, 0];
  const pieces: Buffer[] = [];
  const reader = new AnswerReader(method, {
    onHead: (code, fields) => {
      if (status !== null) throw new Error('two heads');
      [status, headers] = [code, { ...fields }];
    },
    onBody: (piece) => {
      if (status === null || piece.length === 0) throw new Error('a piece of no body');
      pieces.push(Buffer.from(piece));
    },
  });
  for (const part of parts) {
    if (reader.over) break;
    try {
      taken += reader.push(part);
    } catch (error) {
      if ((error as { code?: string }).code !== 'BAD_ANSWER') throw error;
      bad = (error as Error).message;
      break;
    }
  }
  const { over, endsWithConnection, reusable } = reader;
  const body = Buffer.concat(pieces).toString('latin1');
  return { status, headers, body, bad, over, endsWithConnection, reusable, taken: bad === null ? taken : 0 };
}

export const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Cut at these shares of its length. */
export function parted(bytes: Buffer, shares: readonly number[]): Buffer[] {
  const borders = shares.map((share) => Math.floor(share * bytes.length)).toSorted((a, b) => a - b);
  return [0, ...borders].map((from, i) => bytes.subarray(from, borders[i])).filter((part) => part.length > 0);
}

export const share = fc.integer({ min: 0, max: 1_000 }).map((thousandth) => thousandth / 1_000);
export const shares = fc.array(share, { maxLength: 16 });

/** One byte a character, line ends and all. */
const bytes = fc.uint8Array({ maxLength: 300 }).map((all) => Buffer.from(all).toString('latin1'));
const body = fc.oneof(
  bytes,
  fc.constantFrom('', '0\r\n\r\n', 'HTTP/1.1 200 OK\r\n\r\n', '\r\n', '{"a":"é"}'.repeat(3)),
);
const name = fc.stringMatching(/^x-[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/);
const value = fc.stringMatching(/^[!-~\x80-\xff]([\t !-~\x80-\xff]{0,20}[!-~\x80-\xff])?$/);
const blank = fc.constantFrom('', ' ', '\t', '  \t ');
const field = fc.tuple(name, blank, value, blank);

export interface Written {
  readonly text: string;
  readonly status: number;
  readonly body: string;
  readonly fields: readonly (readonly [string, string])[];
  /** Nothing but the connection's end says where it ends. */
  readonly untilClose: boolean;
}

const chunk = fc.record({
  size: fc.integer({ min: 1, max: 40 }),
  upper: fc.boolean(),
  zeros: fc.integer({ min: 0, max: 3 }),
  extension: fc.constantFrom('', ';a', ';a=b', ' ;a="b;c"', `;${'x'.repeat(300)}`),
});

function chunked(whole: string, chunks: readonly (typeof chunk extends fc.Arbitrary<infer C> ? C : never)[]): string {
  let [written, at] = ['', 0];
  for (let i = 0; at < whole.length; i++) {
    const { size, upper, zeros, extension } = chunks[i % chunks.length] ?? {
      size: 9,
      upper: false,
      zeros: 0,
      extension: '',
    };
    const piece = whole.slice(at, at + size);
    const digits = piece.length.toString(16).padStart(zeros, '0');
    written += `${upper ? digits.toUpperCase() : digits}${extension}\r\n${piece}\r\n`;
    at += piece.length;
  }
  return written;
}

/** Any that a cluster may give to a GET. */
export const answer: fc.Arbitrary<Written> = fc
  .record({
    interim: fc.array(fc.constantFrom('HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 Hints\r\nlink: </a>\r\n\r\n'), {
      maxLength: 3,
    }),
    status: fc.constantFrom(200, 201, 204, 304, 400, 404, 429, 500, 503),
    reason: fc.constantFrom('', ' ', ' OK', ' Not \xe9 at all'),
    fields: fc.uniqueArray(field, { maxLength: 5, selector: ([n]) => n.toLowerCase() }),
    body,
    framing: fc.constantFrom('counted', 'chunked', 'until-close'),
    chunks: fc.array(chunk, { minLength: 1, maxLength: 4 }),
    trailers: fc.array(field, { maxLength: 2 }),
  })
  .map(({ interim, status, reason, fields, body: whole, framing, chunks, trailers }) => {
    const lines = (all: typeof fields): string =>
      all.map(([n, before, v, after]) => `${n}:${before}${v}${after}\r\n`).join('');
    const head = `${interim.join('')}HTTP/1.1 ${status}${reason}\r\n${lines(fields)}`;
    const told = fields.map(([n, , v]) => [n.toLowerCase(), v] as const);
    const of = (text: string, said: string, untilClose = false): Written => ({
      text,
      status,
      body: said,
      fields: told,
      untilClose,
    });
    if (status === 204 || status === 304) return of(`${head}\r\n`, '');
    if (framing === 'until-close') return of(`${head}\r\n${whole}`, whole, true);
    if (framing === 'counted') return of(`${head}Content-Length: ${whole.length}\r\n\r\n${whole}`, whole);
    const coded = `${chunked(whole, chunks)}0\r\n${lines(trailers)}\r\n`;
    return of(`${head}Transfer-Encoding: chunked\r\n\r\n${coded}`, whole);
  });
