/** Requests of callers: right ones, and ones whose line, headers, framing or body is not. */
import type { Random } from '../../sim/random.js';
import { damage, parted, randomBytes } from './bytes.js';
import { family, type Family } from './families.js';
import { jsonText } from './json.js';

export interface RequestBytes {
  readonly family: string;
  readonly writes: readonly string[];
  readonly leave: 'wait' | 'end' | 'reset';
  /** Its answers have no bodies. */
  readonly headOnly: boolean;
}

/** One connection of a caller: one request, or several in a row. */
export function requests(random: Random): RequestBytes {
  const one = family(random);
  const method = methodOf(random, one);
  const row = random.chance(0.1) ? random.whole(2, 4) : 1;
  const parts = Array.from({ length: row }, (_, i) => request(random, { one, method, isLast: i === row - 1 }));
  const whole = parts.map(({ bytes }) => bytes).join('');
  const damaged = random.chance(0.12) ? damage(random, whole) : whole;
  const bytes = random.chance(0.06) ? damaged.slice(0, random.whole(0, damaged.length)) : damaged;
  const proper = bytes === whole && row === 1 && parts.every((part) => part.ends);
  const leave = proper && random.chance(0.85) ? 'wait' : random.pick(['end', 'end', 'reset'] as const);
  return { family: one.name, writes: parted(random, bytes), leave, headOnly: method === 'HEAD' };
}

const METHODS = ['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'CONNECT', 'BREW'] as const;

const methodOf = (random: Random, { method }: Family): string => (random.chance(0.9) ? method : random.pick(METHODS));

interface Wish {
  readonly one: Family;
  readonly method: string;
  readonly isLast: boolean;
}

interface Framed {
  readonly bytes: string;
  /** The gateway can tell where it ends, or that it cannot be told: whoever waits gets an answer. */
  readonly ends: boolean;
}

function request(random: Random, { one, method, isLast }: Wish): Framed {
  const body = framed(random, bodyOf(random, one));
  const version = random.chance(0.97)
    ? 'HTTP/1.1'
    : random.pick(['HTTP/1.0', 'HTTP/2', 'HTTP/1.', 'http/1.1', 'HTTP/0.9']);
  const close = isLast ? 'connection: close\r\n' : '';
  const head = `${method} ${target(random, one)} ${version}\r\nhost: localhost\r\n${service(random)}${close}`;
  const extra = random.chance(0.25) ? random.pick(EXTRA_HEADERS) : '';
  return { bytes: `${head}${type(random)}${extra}${body.bytes}`, ends: body.ends };
}

function target(random: Random, { path }: Family): string {
  if (random.chance(0.85)) return path;
  return random.pick([
    `/fz${path}`,
    `${path}?${'a=b&'.repeat(random.whole(0, 400))}`,
    `${path}/`,
    `${path}%00`,
    `/v1/..%2f..%2fstate/fz`,
    `/v1/%2e%2e/x`,
    `//v1/models`,
    `/%ff%fe/v1/models`,
    `/__proto__/v1/models`,
    `/constructor/v1/chat/completions`,
    `http://127.0.0.1/v1/models`,
    `/v1/models/${'m'.repeat(random.whole(0, 4_000))}`,
    `/v1/models/%`,
    `/v1/responses/resp_1`,
    `/v1/responses/resp_1/input_items?limit=-1&after=%00`,
    `/v1/responses/${'r'.repeat(3_000)}/cancel`,
    `/v1/responses/__proto__`,
    `/readyz?x`,
    `/metrics`,
    '*',
    '',
  ]);
}

/** Most name the service that is attacked; some leave it to the model's name. */
function service(random: Random): string {
  if (random.chance(0.8)) return 'x-understudy-service: fz\r\n';
  return random.pick([
    '',
    '',
    'x-understudy-service: __proto__\r\n',
    'x-understudy-service: fz\r\nx-understudy-service: calm\r\n',
  ]);
}

function type(random: Random): string {
  const luck = random.next();
  if (luck < 0.8) return 'content-type: application/json\r\n';
  return random.pick([
    '',
    'content-type: \r\n',
    'content-type: application/JSON\r\n',
    'content-type: text/plain\r\n',
    'content-type: application/vnd.api+json; charset=utf-16\r\n',
    'content-type: multipart/form-data; boundary=x\r\n',
    'content-type: multipart/form-data\r\n',
    `content-type: multipart/form-data; boundary=${'b'.repeat(5_000)}\r\n`,
    'content-type: application/octet-stream\r\n',
    'content-type: application/json\r\ncontent-type: text/html\r\n',
    'content-type: \xff/\xfe\r\n',
    `content-type: ${'application/json;'.repeat(500)}\r\n`,
  ]);
}

const EXTRA_HEADERS: readonly string[] = [
  'x-understudy-priority: low\r\n',
  'x-understudy-priority: \xff\r\n',
  'x-conversation-id: __proto__\r\n',
  `x-conversation-id: ${'c'.repeat(8_000)}\r\n`,
  'authorization: Bearer x\r\nx-api-key: y\r\n',
  'authorization: Basic \xff\r\n',
  'content-encoding: gzip\r\n',
  'content-encoding: identity\r\n',
  'expect: 100-continue\r\n',
  'expect: 200-maybe\r\n',
  'upgrade: websocket\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n',
  'upgrade: h2c\r\nhttp2-settings: x\r\n',
  'origin: http://evil.example\r\naccess-control-request-method: POST\r\n',
  'traceparent: 00-zz-zz-zz\r\ntracestate: \xff\r\n',
  `traceparent: ${'0'.repeat(5_000)}\r\n`,
  'x-request-id: a\tb\r\nx-forwarded-for: \x7f\r\n',
  '__proto__: x\r\nconstructor: y\r\nhasownproperty: z\r\n',
  'x-folded: a\r\n b\r\n',
  'no colon\r\n',
  'bad name: x\r\n',
  'x-nul: a\0b\r\n',
  'host: other\r\n',
  `x-long: ${'v'.repeat(9_000)}\r\n`,
  `x-longest: ${'v'.repeat(40_000)}\r\n`,
  `x-spaces: ${' '.repeat(15_000)}x\r\n`,
  `cookie: ${'a=b; '.repeat(2_000)}\r\n`,
  'x-many: 1\r\n'.repeat(300),
  'te: trailers\r\ntrailer: x\r\n',
  'range: bytes=0-99999999999999999999\r\nif-match: *\r\n',
];

function bodyOf(random: Random, { request: right }: Family): string {
  const streamed = right !== null && random.chance(0.5) ? { ...right, stream: true } : right;
  const luck = random.next();
  if (right === null) return luck < 0.8 ? '' : jsonText(random, {});
  if (luck < 0.85) return jsonText(random, streamed);
  if (luck < 0.9) return randomBytes(random, 300);
  if (luck < 0.97) return random.pick(ODD_BODIES);
  return multipart(random, JSON.stringify(right));
}

const ODD_BODIES: readonly string[] = [
  '',
  '\xef\xbb\xbf{"model":"fz"}',
  '{"mod\\u0065l":"fz","messages":[]}',
  `{"mod\\u0065l":"fz","model":"fz","messages":${'['.repeat(8_000)}${']'.repeat(8_000)}}`,
  `{"model":"m","messages":${'{"a":'.repeat(4_000)}1${'}'.repeat(4_000)}}`,
  `{"model":"fz","input":${'['.repeat(8_000)}${']'.repeat(8_000)}}`,
  '{"model":"fz","model":"m","stream":true,"stream":false,"messages":[]}',
  '{"model":"fz","n":1e9,"prompt":[[[1]]],"max_tokens":99999999999999999999}',
  '{"model":"fz","prompt":[{"toString":0}],"user":{"toString":0},"prompt_cache_key":[]}',
  '{"model":"fz","messages":[{"role":{"toString":0},"content":[{"type":{"toString":0},"text":{}}]}]}',
  '{"model":"fz","messages":{"0":{"role":"user"},"length":1}}',
  '{"model":"fz","input":[{"type":"item_reference","id":{"toString":0}}],"previous_response_id":{"toString":0}}',
  '{"model":"fz","input":"x","conversation":{"id":{"toString":0}},"store":"yes","metadata":{"__proto__":1}}',
  'model=fz&prompt=x',
  `"${'x'.repeat(900_000)}"`,
  `{"model":"fz","prompt":"${'x'.repeat(2_100_000)}"}`,
  `{"model":"fz",${Array.from({ length: 5_000 }, (_, i) => `"k${i}":0`).join()}}`,
];

function multipart(random: Random, json: string): string {
  const disposition = 'content-disposition: form-data; name=';
  const field = (name: string, value: string): string => `--x\r\n${disposition}"${name}"\r\n\r\n${value}\r\n`;
  const whole = `${field('model', 'fz')}${field('file', json)}--x--\r\n`;
  return random.chance(0.5) ? whole : damage(random, whole);
}

function framed(random: Random, body: string): Framed {
  const { length } = body;
  const luck = random.next();
  if (length === 0 && luck < 0.3) return { bytes: '\r\n', ends: true };
  if (luck < 0.75) return { bytes: `content-length: ${length}\r\n\r\n${body}`, ends: true };
  if (luck < 0.9) return { bytes: `transfer-encoding: chunked\r\n\r\n${chunks(random, body)}`, ends: true };
  return { bytes: lie(random, body), ends: false };
}

/** Framing that contradicts itself, or the body. */
function lie(random: Random, body: string): string {
  const { length } = body;
  const hidden = 'POST /v1/smuggled HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}';
  return random.pick([
    `content-length: ${length}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
    `transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n${chunks(random, body)}`,
    `content-length: ${length}\r\ncontent-length: ${length + hidden.length}\r\n\r\n${body}${hidden}`,
    `content-length: ${Math.max(0, length - 5)}\r\n\r\n${body}`,
    `content-length: ${length + 500}\r\n\r\n${body}`,
    `content-length: -1\r\n\r\n${body}`,
    `content-length: 99999999999999999999\r\n\r\n${body}`,
    `content-length: +${length}\r\n\r\n${body}`,
    `transfer-encoding: gzip, chunked\r\n\r\n${chunks(random, body)}`,
    `transfer-encoding:\tchunked\r\n\r\n${chunks(random, body)}`,
    `transfer-encoding : chunked\r\n\r\n${chunks(random, body)}`,
    `transfer-encoding: chunked\r\n\r\n${length.toString(16)};${'e'.repeat(30_000)}\r\n${body}\r\n0\r\n\r\n`,
    `transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n${body}`,
    `transfer-encoding: chunked\r\n\r\n${length.toString(16)}\r\n${body}\r\n0\r\n${'t: x\r\n'.repeat(3_000)}\r\n`,
    `transfer-encoding: chunked\r\n\r\n${length.toString(16)}\n${body}\n0\n\n`,
  ]);
}

function chunks(random: Random, body: string): string {
  const pieces = parted(random, body, 4);
  return `${pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join('')}0\r\n\r\n`;
}
