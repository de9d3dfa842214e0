/**
 * Streams that are played to real attempts, scans and splices, byte by byte; only the network is not there. What breaks
 * them, and how engines write them, is any that there is.
 */
import fc from 'fast-check';
import type { ServerResponse } from 'node:http';
import type { AttemptEnd } from '../../src/gateway/request/attempt-order.js';
import { Attempt } from '../../src/gateway/request/attempt.js';
import { HIDES_IDS } from '../../src/gateway/continuation/said-ids.js';
import type { Transcript } from '../../src/gateway/continuation/transcript.js';
import type { Member } from '../../src/gateway/service/member.js';

/** How an engine writes its frames. */
export interface Dialect {
  /** Everything beyond ASCII as `\uXXXX`, as Python's `json` does. */
  readonly escapes: boolean;
  readonly spaces: boolean;
  readonly lineEnd: '\n' | '\r\n';
  readonly roleInEachFrame: boolean;
  /** The finish reason in a frame of its own. */
  readonly closes: boolean;
  readonly keepAlives: boolean;
}

export type Break = 'reset' | 'end' | 'done' | 'error' | 'abort' | 'handed-over';

export interface Leg {
  readonly dialect: Dialect;
  /** Lengths of the tokens, in characters, over and over. */
  readonly tokens: readonly number[];
  /** Where the bytes are parted, as shares. */
  readonly parts: readonly number[];
  readonly breaks: Break;
  /** Share of the bytes after which it breaks. */
  readonly at: number;
}

const dialect: fc.Arbitrary<Dialect> = fc.record({
  escapes: fc.boolean(),
  spaces: fc.boolean(),
  lineEnd: fc.constantFrom('\n' as const, '\r\n' as const),
  roleInEachFrame: fc.boolean(),
  closes: fc.boolean(),
  keepAlives: fc.boolean(),
});
/** Evenly spread, both ends included: `fc.double` is nearly always near 0 and never 1. */
const share = fc.integer({ min: 0, max: 100 }).map((percent) => percent / 100);
export const leg: fc.Arbitrary<Leg> = fc.record({
  dialect,
  tokens: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 }),
  parts: fc.array(share, { maxLength: 12 }),
  breaks: fc.constantFrom<Break>('reset', 'end', 'done', 'error', 'abort', 'handed-over'),
  at: share,
});
/** Anything that can be said in whole characters, quotes, backslashes and line ends before all. */
export const text = fc
  .array(
    fc.oneof(fc.constantFrom('"', '\\', '\n', '\\"', '漢', '🙂', 'é', ' ', '","', 'data: [DONE]\n\n'), fc.string()),
    {
      minLength: 1,
      maxLength: 30,
    },
  )
  .map((parts) => Buffer.from(parts.join(''), 'utf8').toString('utf8').replaceAll('\ufffd', ''))
  .filter((whole) => whole !== '');

/** One event, as this engine would write it. */
export function written(value: unknown, d: Dialect): string {
  const json = d.spaces ? JSON.stringify(value, null, 1).replaceAll(/\n\s*/g, ' ') : JSON.stringify(value);
  const told = d.escapes ? json.replaceAll(/[\u0080-\uffff]/g, escaped) : json;
  return `${d.keepAlives ? `: ping${d.lineEnd}${d.lineEnd}` : ''}data: ${told}${d.lineEnd}${d.lineEnd}`;
}

const escaped = (c: string): string => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;

const ENDINGS: Readonly<Record<Break, string>> = {
  reset: '',
  end: '',
  'handed-over': '',
  done: 'data: [DONE]\n\n',
  error: 'data: {"error":{"message":"dead","code":500}}\n\ndata: [DONE]\n\n',
  abort: 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"abort"}]}\n\ndata: [DONE]\n\n',
};

/** The bytes of a leg that breaks: cut anywhere, or after a whole frame where the engine itself says that it is over. */
export function brokenBytes(frames: readonly string[], { breaks, at }: Leg): Buffer {
  if (ENDINGS[breaks] === '') {
    const all = Buffer.from(frames.join(''));
    return all.subarray(0, Math.floor(at * all.length));
  }
  return Buffer.from(frames.slice(0, Math.floor(at * frames.length)).join('') + ENDINGS[breaks]);
}

function parted(bytes: Buffer, shares: readonly number[]): Buffer[] {
  const borders = [...shares.map((s) => Math.floor(s * bytes.length)), 0, bytes.length].toSorted((a, b) => a - b);
  return borders
    .slice(1)
    .map((to, i) => bytes.subarray(borders[i], to))
    .filter((part) => part.length > 0);
}

/** A caller that reads as fast as it is written to. */
export class Caller {
  readonly parts: Buffer[] = [];
  headersSent = false;
  ended = false;
  readonly res = {
    writeHead: () => (this.headersSent = true),
    socket: null,
    write: (bytes: Buffer | string) => this.parts.push(Buffer.from(bytes)) > 0,
    end: (bytes: Buffer | string = '') => {
      this.parts.push(Buffer.from(bytes));
      this.ended = true;
    },
  } as unknown as ServerResponse;
  get bytes(): Buffer {
    return Buffer.concat(this.parts);
  }
}

export interface Played {
  readonly bytes: Buffer;
  readonly parts: readonly number[];
  readonly breaks: Break | null;
}

/** Lets one attempt live through these bytes. */
export function play(
  order: { caller: Caller; transcript: Transcript; member: Member; api: string },
  played: Played,
): AttemptEnd {
  const { caller, transcript, member, api } = order;
  let end: AttemptEnd | null = null;
  const splice = transcript.begun ? transcript.spliceTo(member) : null;
  const attempt = new Attempt(
    {
      member,
      request: { method: 'POST', path: `/v1/${api}`, headers: [], stream: true, streamKind: 'choices', choices: 1 },
      body: null,
      keeper: null,
      notBefore: null,
      hides: splice === null && transcript.hidesIds ? HIDES_IDS : null,
      res: caller.res,
      memory: { take: () => true },
      said: transcript.listen(),
      splice,
      firstByteMs: 10_000,
      idleMs: 10_000,
      replaceable: () => true,
      continuable: () => true,
      onSpeaking: () => undefined,
    },
    (settled) => (end = settled),
  );
  attempt.onHead(200, { 'content-type': 'text/event-stream' });
  for (const part of parted(played.bytes, played.parts)) if (end === null) attempt.onBody(part);
  if (end === null && played.breaks === 'handed-over' && !attempt.waiting) attempt.leave('handed-over');
  if (end === null && (played.breaks === 'reset' || played.breaks === 'handed-over')) {
    attempt.onError(Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
  }
  if (end === null) attempt.onEnd();
  if (end === null) throw new Error('the attempt did not end');
  return end;
}

export const memberNamed = (name: string): Member =>
  ({
    name,
    model: 'm',
    engine: 'vllm',
    lastSignMs: 0,
    upstream: { prefix: '', connections: null },
  }) as unknown as Member;
