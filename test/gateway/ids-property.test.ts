/**
 * One answer in tokens that may be parts of characters, several of them in a frame, broken anywhere: the rest is asked for
 * by the ids of what the caller has read, or by text where they are not known, and the caller sees it once and whole. The
 * engine decodes as vLLM does: nothing until a character is whole, and all of its prompt again if that ends in half of one.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CONTINUATIONS_MAX, Transcript } from '../../src/gateway/continuation/transcript.js';
import { brokenBytes, Caller, leg, memberNamed, play, text, written, type Leg } from './played.js';
import { StreamSeen } from './read-stream.js';
import { runs } from '../kit/runs.js';

const PROMPT = [1, 2, 3];
/** More than any text here has. */
const MAX_TOKENS = 10_000;

/** What each id stands for, over all engines. */
class Vocabulary {
  readonly #bytes: Buffer[] = PROMPT.map(() => Buffer.from('prompt '));

  /** Cuts a text into tokens of these lengths in bytes, over and over. */
  cut(said: string, lengths: readonly number[]): number[] {
    const bytes = Buffer.from(said);
    const ids: number[] = [];
    for (let at = 0, i = 0; at < bytes.length; i++) {
      const length = lengths[i % lengths.length] ?? 1;
      ids.push(this.#bytes.push(bytes.subarray(at, at + length)));
      at += length;
    }
    return ids;
  }

  read(ids: readonly number[]): string {
    return Buffer.concat(ids.map((id) => this.#bytes[id - 1] ?? Buffer.from('?'))).toString();
  }
}

interface Asked {
  readonly prompt: readonly number[];
  readonly rest: readonly number[];
  readonly form: 'chat' | 'completions';
  readonly wantsIds: boolean;
}

/** Ids and the text that comes with them, one frame each. */
function saidIn(words: Vocabulary, { prompt, rest }: Asked, perFrame: readonly number[]): [number[], string][] {
  // The hazard: with half a character at its end the prompt counts as not said yet.
  let out = words.read(prompt).endsWith('\ufffd') ? '' : words.read(prompt);
  const frames: [number[], string][] = [];
  for (let at = 0, i = 0; at < rest.length; i++) {
    const ids = rest.slice(at, at + Math.ceil((perFrame[i % perFrame.length] ?? 1) / 2));
    let said = '';
    for (const [n] of ids.entries()) {
      const all = words.read([...prompt, ...rest.slice(0, at + n + 1)]);
      if (all.endsWith('\ufffd')) continue;
      said += all.slice(out.length);
      out = all;
    }
    frames.push([ids, said]);
    at += ids.length;
  }
  return frames;
}

function framesOf(words: Vocabulary, asked: Asked, { dialect, tokens }: Leg, id: string): string[] {
  const { prompt, form, wantsIds } = asked;
  const write = (choice: object, more: object = {}): string =>
    written({ id, created: Number(id), model: 'm', choices: [{ index: 0, ...choice }], ...more }, dialect);
  const promptIds = wantsIds ? { prompt_token_ids: prompt } : {};
  const frames = saidIn(words, asked, tokens).map(([ids, said], i) => {
    const first = i === 0 && form === 'completions' ? promptIds : {};
    const choice = form === 'chat' ? { delta: { content: said } } : { text: said, ...first };
    return write({ ...choice, finish_reason: null, token_ids: wantsIds ? ids : null });
  });
  frames.push(write({ ...(form === 'chat' ? { delta: {} } : { text: '' }), finish_reason: 'stop' }));
  return form === 'chat' ? [write({ delta: { role: 'assistant', content: '' } }, promptIds), ...frames] : frames;
}

type Api = 'chat' | 'completions';
type Fields = Readonly<Record<string, unknown>>;

/** What the engine makes of a request: by ids, or by a text that it cuts in its own way. */
function understood(words: Vocabulary, whole: string, body: Fields, lengths: readonly number[]): Asked {
  const { prompt, messages } = body as { prompt?: unknown; messages?: readonly { role: string; content: string }[] };
  const form = messages === undefined ? 'completions' : 'chat';
  const wantsIds = body['return_token_ids'] === true;
  const isIds = Array.isArray(prompt);
  const last = messages?.at(-1);
  const text = form === 'completions' ? String(prompt).slice(1) : last?.role === 'assistant' ? last.content : '';
  const said = isIds ? (prompt as number[]).slice(PROMPT.length) : words.cut(text, lengths);
  const heard = isIds ? words.read(said) : text;
  expect(whole.startsWith(heard)).toBe(true);
  return { prompt: [...PROMPT, ...said], rest: words.cut(whole.slice(heard.length), lengths), form, wantsIds };
}

interface Told {
  readonly caller: Caller;
  readonly byIds: number;
  readonly byText: number;
}

function tell(api: Api, whole: string, legs: readonly Leg[]): Told {
  const words = new Vocabulary();
  const request = api === 'chat' ? { messages: [{ role: 'user', content: 'x' }] } : { prompt: 'x' };
  const body = Buffer.from(JSON.stringify({ model: 's', stream: true, max_tokens: MAX_TOKENS, ...request }));
  const order = { api, body, parsed: JSON.parse(body.toString()) as unknown, translates: true };
  const transcript = new Transcript({ ...order, continueBy: 'token-ids' });
  const caller = new Caller();
  let [byIds, byText] = [0, 0];
  for (const [i, each] of legs.entries()) {
    const member = memberNamed(`c${i}`);
    const rest = transcript.begun ? transcript.requestFor(member) : null;
    if (rest !== null && rest.kind !== 'ask') throw new Error(rest.kind);
    const first = JSON.parse(String(transcript.opening(body, member))) as Fields;
    const asked = understood(words, whole, rest?.body ?? first, each.tokens);
    if (Array.isArray(rest?.body['prompt'])) {
      byIds++;
      // Each id is counted, and none twice.
      if (byText === 0) expect(Number(rest.body['max_tokens']) + asked.prompt.length).toBe(MAX_TOKENS + PROMPT.length);
    } else if (rest !== null && asked.prompt.length > PROMPT.length) byText++;
    const frames = framesOf(words, asked, each, String(i + 1));
    const isLast = i === legs.length - 1;
    const bytes = isLast ? Buffer.from(`${frames.join('')}data: [DONE]\n\n`) : brokenBytes(frames, each);
    const breaks = isLast ? null : each.breaks;
    const end = play({ caller, transcript, member, api }, { bytes, parts: each.parts, breaks });
    if (end.kind === 'answered') break;
    if (end.kind === 'failed') continue;
    transcript.broke(member);
    const doubted = transcript.ids?.open?.doubted ?? null;
    // Not every engine answers.
    const doubtedText = doubted === null || each.dialect.closes ? null : words.read(doubted);
    transcript.ids?.settle({ doubtedText, contextTokens: null });
    expect(transcript.refusal).toBeNull();
  }
  return { caller, byIds, byText };
}

test.each(['chat', 'completions'] as const)('%s: any tokens, any pieces, any breaks, by ids', (api) => {
  let [byIds, byText] = [0, 0];
  fc.assert(
    fc.property(text, fc.array(leg, { minLength: 1, maxLength: CONTINUATIONS_MAX + 1 }), (whole, legs) => {
      const told = tell(api, whole, legs);
      byIds += told.byIds;
      byText += told.byText;
      const seen = new StreamSeen();
      seen.push(told.caller.bytes);
      expect(seen).toMatchObject({ text: whole, finishReasons: ['stop'], dones: 1, errors: [] });
      expect(seen.ids).toHaveLength(1);
      expect(seen.roles).toBe(api === 'chat' ? 1 : 0);
      const all = told.caller.bytes.toString();
      expect(all).not.toMatch(/token_ids"\s*:\s*\[/);
      expect(all).not.toMatch(api === 'chat' ? /[{,]\s*"text"\s*:/ : /"delta"\s*:/);
    }),
    { numRuns: runs(300) },
  );
  expect(byIds).toBeGreaterThan(100);
  expect(byText).toBeGreaterThan(10);
});
