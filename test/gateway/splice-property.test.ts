/**
 * One answer, said by several engines in several dialects, broken anywhere and delivered in any pieces: the caller sees it
 * once, whole and in order. The attempts, the scan and the splice are the real ones; only the network is played.
 */
import fc from 'fast-check';
import type { ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import { expect, test } from 'vitest';
import type { AttemptEnd } from '../../src/gateway/request/attempt-order.js';
import { Attempt } from '../../src/gateway/request/attempt.js';
import type { Member } from '../../src/gateway/service/member.js';
import { CONTINUATIONS_MAX, Transcript } from '../../src/gateway/continuation/transcript.js';
import { StreamSeen } from './read-stream.js';

/** How an engine writes its frames. */
interface Dialect {
  /** Everything beyond ASCII as `\uXXXX`, as Python's `json` does. */
  readonly escapes: boolean;
  readonly spaces: boolean;
  readonly lineEnd: '\n' | '\r\n';
  readonly roleInEachFrame: boolean;
  /** The finish reason in a frame of its own. */
  readonly closes: boolean;
  readonly keepAlives: boolean;
}

type Break = 'reset' | 'end' | 'done' | 'error' | 'abort' | 'handed-over';

interface Leg {
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
const leg: fc.Arbitrary<Leg> = fc.record({
  dialect,
  tokens: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 }),
  parts: fc.array(share, { maxLength: 12 }),
  breaks: fc.constantFrom<Break>('reset', 'end', 'done', 'error', 'abort', 'handed-over'),
  at: share,
});
/** Anything that can be said in whole characters, quotes, backslashes and line ends before all. */
const text = fc
  .array(
    fc.oneof(fc.constantFrom('"', '\\', '\n', '\\"', '漢', '🙂', 'é', ' ', '","', 'data: [DONE]\n\n'), fc.string()),
    {
      minLength: 1,
      maxLength: 30,
    },
  )
  .map((parts) => Buffer.from(parts.join(''), 'utf8').toString('utf8').replaceAll('\ufffd', ''))
  .filter((whole) => whole !== '');

function framesOf(rest: string, { dialect: d, tokens }: Leg, id: string, api: 'chat' | 'completions'): string[] {
  const write = (value: unknown): string => {
    const json = d.spaces ? JSON.stringify(value, null, 1).replaceAll(/\n\s*/g, ' ') : JSON.stringify(value);
    const told = d.escapes ? json.replaceAll(/[\u0080-\uffff]/g, escaped) : json;
    return `${d.keepAlives ? `: ping${d.lineEnd}${d.lineEnd}` : ''}data: ${told}${d.lineEnd}${d.lineEnd}`;
  };
  const chunk = (said: string, end: string | null): string => {
    const role = d.roleInEachFrame ? { role: 'assistant' } : {};
    const choice = api === 'chat' ? { delta: { ...role, content: said } } : { text: said };
    return write({ id, created: Number(id), model: 'm', choices: [{ index: 0, ...choice, finish_reason: end }] });
  };
  const characters = [...rest];
  const said: string[] = [];
  for (let i = 0; characters.length > 0; i++) said.push(characters.splice(0, tokens[i % tokens.length] ?? 1).join(''));
  const opening = write({ id, created: Number(id), model: 'm', choices: [{ index: 0, delta: { role: 'assistant' } }] });
  const frames = said.map((t, i) => chunk(t, !d.closes && i === said.length - 1 ? 'stop' : null));
  if (d.closes || said.length === 0) frames.push(chunk('', 'stop'));
  return api === 'chat' ? [opening, ...frames] : frames;
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
function brokenBytes(frames: readonly string[], { breaks, at }: Leg): Buffer {
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
class Caller {
  readonly parts: Buffer[] = [];
  headersSent = false;
  ended = false;
  readonly res = {
    writeHead: () => (this.headersSent = true),
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

interface Played {
  readonly bytes: Buffer;
  readonly parts: readonly number[];
  readonly breaks: Break | null;
}

/** Lets one attempt live through these bytes. */
function play(
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
      res: caller.res,
      said: transcript.listen(),
      splice,
      firstByteMs: 10_000,
      idleMs: 10_000,
      replaceable: true,
      continuable: () => true,
      onSpeaking: () => undefined,
    },
    (settled) => (end = settled),
  );
  const control = { abort: () => undefined, pause: () => undefined, resume: () => undefined };
  const controller = control as unknown as Dispatcher.DispatchController;
  attempt.onRequestStart(controller);
  attempt.onResponseStart(controller, 200, { 'content-type': 'text/event-stream' });
  for (const part of parted(played.bytes, played.parts)) if (end === null) attempt.onResponseData(controller, part);
  if (end === null && played.breaks === 'handed-over' && !attempt.waiting) attempt.leave('handed-over');
  if (end === null && (played.breaks === 'reset' || played.breaks === 'handed-over')) {
    attempt.onResponseError(controller, Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
  }
  if (end === null) attempt.onResponseEnd();
  if (end === null) throw new Error('the attempt did not end');
  return end;
}

const memberNamed = (name: string): Member =>
  ({ name, model: 'm', engine: 'vllm', lastSignMs: 0, upstream: { prefix: '', pool: null } }) as unknown as Member;

/** Says all of `whole` through all these legs, and answers with what the caller got. */
function tell(api: 'chat' | 'completions', whole: string, legs: readonly Leg[]): { caller: Caller; continued: number } {
  const request = api === 'chat' ? { messages: [{ role: 'user', content: 'x' }] } : { prompt: 'x' };
  const body = Buffer.from(JSON.stringify({ model: 's', stream: true, ...request }));
  const transcript = new Transcript({ api, body, parsed: JSON.parse(body.toString()), translates: true });
  const caller = new Caller();
  let continued = 0;
  for (const [i, each] of legs.entries()) {
    const member = memberNamed(`c${i}`);
    const said = saidIn(transcript.begun ? transcript.requestFor(member) : null, api);
    expect(whole.startsWith(said)).toBe(true);
    const frames = framesOf(whole.slice(said.length), each, String(i + 1), api);
    const isLast = i === legs.length - 1;
    const bytes = isLast ? Buffer.from(`${frames.join('')}data: [DONE]\n\n`) : brokenBytes(frames, each);
    const end = play(
      { caller, transcript, member, api },
      { bytes, parts: each.parts, breaks: isLast ? null : each.breaks },
    );
    if (end.kind === 'answered') break;
    if (end.kind === 'failed') continue;
    transcript.broke(member);
    expect(transcript.refusal).toBeNull();
    continued++;
  }
  return { caller, continued };
}

function saidIn(request: ReturnType<Transcript['requestFor']> | null, api: 'chat' | 'completions'): string {
  if (request === null) return '';
  if (request.kind !== 'ask') throw new Error(request.kind);
  if (api === 'completions') return String(request.body['prompt']).slice(1);
  const messages = request.body['messages'] as readonly { role: string; content: string }[];
  const last = messages.at(-1);
  return last?.role === 'assistant' ? last.content : '';
}

const PLAIN: Dialect = {
  escapes: false,
  spaces: false,
  lineEnd: '\n',
  roleInEachFrame: false,
  closes: false,
  keepAlives: false,
};
const LAST_LEG: Leg = { dialect: PLAIN, tokens: [1], parts: [], breaks: 'reset', at: 0 };
/** Found by chance: engines that break only after the finish reason, in the same piece or in the next one. */
const BROKEN_AFTER_THE_END: [string, Leg[]][] = [
  ['"', [{ ...LAST_LEG, parts: [0.54], breaks: 'error', at: 1 }, LAST_LEG]],
  ['"', [{ ...LAST_LEG, dialect: { ...PLAIN, closes: true }, parts: [0.35], breaks: 'abort', at: 1 }, LAST_LEG]],
];

test.each(['chat', 'completions'] as const)('%s: any text, any dialect, any pieces, any breaks', (api) => {
  fc.assert(
    fc.property(text, fc.array(leg, { minLength: 1, maxLength: CONTINUATIONS_MAX + 1 }), (whole, legs) => {
      const { caller, continued } = tell(api, whole, legs);
      const seen = new StreamSeen();
      seen.push(caller.bytes);
      expect(seen).toMatchObject({ text: whole, finishReasons: ['stop'], dones: 1, errors: [] });
      expect(seen.ids).toHaveLength(1);
      expect(caller.ended).toBe(true);
      expect(seen.comments.filter((c) => c.startsWith('understudy')).length).toBeLessThanOrEqual(
        Math.min(1, continued),
      );
    }),
    { numRuns: 1_500, examples: BROKEN_AFTER_THE_END },
  );
});

test('a stream that does not break passes byte for byte, whatever its pieces', () => {
  fc.assert(
    fc.property(text, leg, (whole, each) => {
      const { caller } = tell('chat', whole, [each]);
      const sent = `${framesOf(whole, each, '1', 'chat').join('')}data: [DONE]\n\n`;
      expect(caller.bytes.toString()).toBe(sent);
    }),
    { numRuns: 500 },
  );
});
