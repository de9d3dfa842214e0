/** HTTP answers of a cluster as a script of writes: right ones, and ones whose head, framing or body is not. */
import { gzipSync } from 'node:zlib';
import type { Random } from '../../sim/random.js';
import { damage, parted, randomBytes } from './bytes.js';
import type { Family } from './families.js';
import { jsonText } from './json.js';
import { stream } from './sse.js';

export interface Script {
  readonly writes: readonly string[];
  /** What follows on the last write; `stall`: nothing ever. */
  readonly end: 'keep' | 'end' | 'reset' | 'stall';
}

/** `rest`: the answer is meant as the rest of one that broke off. */
export interface AnswerWish {
  readonly family: Family;
  readonly streamed: boolean;
  /** Nothing is wrong with it but where it ends: somebody else has to go on. */
  readonly breaksOff: boolean;
}

export function answer(random: Random, wish: AnswerWish): Script {
  if (wish.breaksOff) return brokenOff(random, wish.family);
  const streamed = wish.streamed !== random.chance(0.05); // now and then the other form than was asked for
  const body = streamed && wish.family.events.length > 0 ? stream(random, wish.family) : wholeBody(random, wish.family);
  const type = streamed ? 'text/event-stream' : 'application/json';
  const framed = frameBody(random, { body, type });
  const bytes = random.chance(0.08) ? damage(random, framed.bytes) : framed.bytes;
  return { writes: parted(random, bytes), end: endOf(random, framed.selfDelimiting && bytes === framed.bytes) };
}

/** A stream that has said something and then ends before its end. */
function brokenOff(random: Random, { events }: Family): Script {
  const frames = events.map(({ event, data }) => {
    const text = typeof data === 'string' ? data : JSON.stringify(data);
    return `${event === undefined ? '' : `event: ${event}\n`}data: ${text}\n\n`;
  });
  const said = frames.slice(0, random.whole(1, Math.max(1, frames.length - 2))).join('');
  const cut = random.chance(0.3) ? said.slice(0, said.length - random.whole(1, 30)) : said;
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';
  return { writes: [head + chunk(cut)], end: random.pick(['end', 'reset'] as const) };
}

function wholeBody(random: Random, { answer: right }: Family): string {
  const luck = random.next();
  if (luck < 0.85) return jsonText(random, right);
  if (luck < 0.9) return randomBytes(random, 300);
  return random.pick([
    '',
    '<html><body>502</body></html>',
    'data: {}\n\n',
    '{"error":{"code":{"toString":0}}}',
    'null',
    '\0',
  ]);
}

function endOf(random: Random, selfDelimiting: boolean): Script['end'] {
  if (random.chance(0.015)) return 'stall';
  if (random.chance(0.1)) return 'reset';
  return selfDelimiting && random.chance(0.8) ? 'keep' : 'end';
}

const chunk = (text: string, extension = ''): string => `${text.length.toString(16)}${extension}\r\n${text}\r\n`;

interface Framed {
  readonly bytes: string;
  /** It says where it ends, so the connection may stay. */
  readonly selfDelimiting: boolean;
}

export function frameBody(random: Random, { body, type }: { body: string; type: string }): Framed {
  const early = random.chance(0.05) ? earlyHeads(random) : '';
  const head = `${early}${statusLine(random)}\r\n${headers(random, type)}`;
  const encoded = random.chance(0.05) ? compressed(random, body) : { header: '', body };
  const start = `${head}${encoded.header}`;
  const luck = random.next();
  if (luck < 0.4)
    return { bytes: `${start}transfer-encoding: chunked\r\n\r\n${chunks(random, encoded.body)}`, selfDelimiting: true };
  if (luck < 0.75)
    return { bytes: `${start}content-length: ${encoded.body.length}\r\n\r\n${encoded.body}`, selfDelimiting: true };
  if (luck < 0.85) return { bytes: `${start}\r\n${encoded.body}`, selfDelimiting: false };
  return { bytes: `${start}${lie(random, encoded.body)}`, selfDelimiting: false };
}

/** Framing that contradicts itself, or the body. */
function lie(random: Random, body: string): string {
  const length = body.length;
  const next = 'HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\nFORGED-FORGED-FOR';
  return random.pick([
    `content-length: ${length + 7}\r\n\r\n${body}`,
    `content-length: ${Math.max(0, length - 7)}\r\n\r\n${body}`,
    `content-length: ${length}\r\n\r\n${body}${next}`,
    `content-length: ${length}\r\ncontent-length: ${length + 1}\r\n\r\n${body}`,
    `content-length: ${length}\r\ntransfer-encoding: chunked\r\n\r\n${chunk(body)}0\r\n\r\n`,
    `content-length: -1\r\n\r\n${body}`,
    `content-length: 99999999999999999999\r\n\r\n${body}`,
    `content-length: ${length}, ${length}\r\n\r\n${body}`,
    `content-length: 0x10\r\n\r\n${body}`,
    `transfer-encoding: chunked, gzip\r\n\r\n${chunk(body)}0\r\n\r\n`,
    `transfer-encoding: xchunked\r\n\r\n${chunk(body)}0\r\n\r\n`,
    `transfer-encoding: chunked\r\n\r\n${chunk(body)}0\r\n\r\n${next}`,
    `transfer-encoding: chunked\r\n\r\n${chunk(body)}`,
    `transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n${body}`,
    `transfer-encoding: chunked\r\n\r\n-5\r\n${body}\r\n0\r\n\r\n`,
    `transfer-encoding: chunked\r\n\r\n${(length + 3).toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    `transfer-encoding: chunked\r\n\r\n${chunk(body, `;${'e'.repeat(20_000)}`)}0\r\n\r\n`,
    `transfer-encoding: chunked\r\n\r\n${chunk(body)}0\r\n${'t: x\r\n'.repeat(3_000)}\r\n`,
  ]);
}

function chunks(random: Random, body: string): string {
  const pieces = parted(random, body, 5).filter((piece) => piece !== '');
  const extension = random.chance(0.1) ? ';a="b;c"' : '';
  const trailer = random.chance(0.1) ? 'x-trailer: 1\r\ncontent-length: 3\r\n' : '';
  return `${pieces.map((piece) => chunk(piece, extension)).join('')}0\r\n${trailer}\r\n`;
}

function statusLine(random: Random): string {
  const luck = random.next();
  if (luck < 0.75) return 'HTTP/1.1 200 OK';
  if (luck < 0.95) return `HTTP/1.1 ${status(random)} ${random.pick(['OK', '', 'x'.repeat(500), '\xff\xfe', 'a: b'])}`;
  return random.pick([
    'HTTP/1.0 200 OK',
    'HTTP/2 200',
    'HTTP/1.1 20',
    'HTTP/1.1 2000 OK',
    'HTTP/1.1  200 OK',
    'ICY 200',
    '',
  ]);
}

const TELLING_STATUS = [
  201, 204, 206, 301, 304, 307, 400, 401, 404, 413, 422, 429, 499, 500, 502, 503, 529, 999,
] as const;

const status = (random: Random): number => (random.chance(0.7) ? random.pick(TELLING_STATUS) : random.whole(100, 999));

function earlyHeads(random: Random): string {
  return random.pick([
    'HTTP/1.1 100 Continue\r\n\r\n',
    'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n',
    'HTTP/1.1 102 Processing\r\n\r\n'.repeat(50),
    '\r\n\r\n',
  ]);
}

const EXTRA_HEADERS: readonly string[] = [
  'retry-after: 99999999999999999999\r\n',
  'retry-after: -1\r\n',
  'retry-after: {"toString":0}\r\n',
  'connection: close\r\n',
  'connection: keep-alive, content-length\r\n',
  'keep-alive: timeout=0\r\n',
  'set-cookie: a=b\r\nset-cookie: c=d\r\n',
  '__proto__: x\r\nconstructor: y\r\ntoString: z\r\n',
  'x-understudy-cluster: forged\r\nx-request-id: \xff\r\n',
  'x-openai-error: {"a":1}\r\n',
  'location: http://127.0.0.1:1/\r\n',
  'x-folded: a\r\n b\r\n',
  'no colon\r\n',
  ': no name\r\n',
  'bad name: x\r\n',
  'x-nul: a\0b\r\n',
  'x-cr: a\rb\r\n',
  'date: never\r\nage: -5\r\nvary: *\r\n',
  'content-type: text/html\r\n',
  `x-long: ${'v'.repeat(9_000)}\r\n`,
  `x-spaces: ${' '.repeat(15_000)}x\r\n`,
  'x-many: 1\r\n'.repeat(300),
];

function headers(random: Random, type: string): string {
  const charset = random.pick(['', '; charset=utf-8', ';charset="\xff"', '']);
  const typed = random.chance(0.95) ? `content-type: ${type}${charset}\r\n` : random.pick(['', 'content-type: \r\n']);
  return random.chance(0.25) ? typed + random.pick(EXTRA_HEADERS) : typed;
}

function compressed(random: Random, body: string): { readonly header: string; readonly body: string } {
  const packed = gzipSync(Buffer.from(body, 'latin1')).toString('latin1');
  const encoding = random.pick(['gzip', 'br', 'identity', 'gzip, gzip']);
  return { header: `content-encoding: ${encoding}\r\n`, body: random.chance(0.7) ? packed : damage(random, packed) };
}
