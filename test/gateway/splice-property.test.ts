/**
 * One answer, said by several engines in several dialects, broken anywhere and delivered in any pieces: the caller sees it
 * once, whole and in order. The attempts, the scan and the splice are the real ones; only the network is played.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CONTINUATIONS_MAX, Transcript } from '../../src/gateway/continuation/transcript.js';
import { brokenBytes, Caller, leg, memberNamed, play, text, written, type Dialect, type Leg } from './played.js';
import { StreamSeen } from './read-stream.js';
import { runs } from '../kit/runs.js';

function framesOf(rest: string, { dialect: d, tokens }: Leg, id: string, api: 'chat' | 'completions'): string[] {
  const write = (value: unknown): string => written(value, d);
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

/** Says all of `whole` through all these legs, and answers with what the caller got. */
function tell(api: 'chat' | 'completions', whole: string, legs: readonly Leg[]): { caller: Caller; continued: number } {
  const request = api === 'chat' ? { messages: [{ role: 'user', content: 'x' }] } : { prompt: 'x', max_tokens: 10_000 };
  const body = Buffer.from(JSON.stringify({ model: 's', stream: true, ...request }));
  const transcript = new Transcript({
    api,
    body,
    parsed: JSON.parse(body.toString()),
    translates: true,
    continueBy: 'text',
  });
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
    { numRuns: runs(200), examples: BROKEN_AFTER_THE_END },
  );
});

test('a stream that does not break passes byte for byte, whatever its pieces', () => {
  fc.assert(
    fc.property(text, leg, (whole, each) => {
      const { caller } = tell('chat', whole, [each]);
      const sent = `${framesOf(whole, each, '1', 'chat').join('')}data: [DONE]\n\n`;
      expect(caller.bytes.toString()).toBe(sent);
    }),
    { numRuns: runs(100) },
  );
});
