import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  isPrefixKey,
  LOOKED_AT_CHARS,
  PREFIX_CHARS_MIN,
  prefixKey,
} from '../../../src/domain/conversation/prefix-key.js';

const of = (length: number, letter = 'x'): string => letter.repeat(length);
const turn = (role: string, content: unknown): object => ({ role, content });
const chat = (system: string, question: unknown, ...later: object[]): object => ({
  messages: [turn('system', system), turn('user', question), ...later],
});
const MIN = PREFIX_CHARS_MIN;

test.each<[string, Parameters<typeof prefixKey>[0], unknown, boolean]>([
  ['instructions and question just long enough', 'chat', chat(of(MIN), 'q'), true],
  ['one character less', 'chat', chat(of(MIN - 1), 'q'), false],
  ['a long question alone', 'chat', { messages: [turn('user', of(MIN + 1))] }, true],
  ['one character less', 'chat', { messages: [turn('user', of(MIN))] }, false],
  ['a question in parts', 'chat', chat('', [{ type: 'text', text: of(MIN + 1) }, { type: 'image_url' }]), true],
  ['words of a developer', 'chat', { messages: [turn('developer', of(MIN)), turn('user', 'q')] }, true],
  ['instructions without a question', 'chat', { messages: [turn('system', of(2 * MIN))] }, false],
  ['only later turns are long', 'chat', chat('s', 'q', turn('assistant', of(2 * MIN))), false],
  [
    'eight messages before the question',
    'chat',
    { messages: [...Array<object>(8).fill(turn('system', of(MIN))), turn('user', 'q')] },
    false,
  ],
  ['seven of them', 'chat', { messages: [...Array<object>(7).fill(turn('system', of(MIN))), turn('user', 'q')] }, true],
  ['strange messages', 'chat', { messages: [null, 1, 'x'] }, false],
  ['strange parts', 'chat', chat(of(MIN + 1), [null, 1, { text: 5 }]), true],
  ['no list', 'chat', { messages: of(2 * MIN) }, false],
  ['no object', 'chat', null, false],
  ['a long prompt', 'completions', { prompt: of(MIN + 1) }, true],
  ['one character less', 'completions', { prompt: of(MIN) }, false],
  ['a prompt in tokens', 'completions', { prompt: Array<number>(2 * MIN).fill(7) }, false],
  ['instructions and an input', 'responses', { instructions: of(MIN), input: 'q' }, true],
  ['one character less', 'responses', { instructions: of(MIN - 1), input: 'q' }, false],
  ['an input in items', 'responses', { input: [turn('user', [{ type: 'input_text', text: of(MIN + 1) }])] }, true],
  ['a turn that follows another', 'responses', { input: of(2 * MIN), previous_response_id: 'resp_1' }, false],
  ['another API', null, { prompt: of(2 * MIN), messages: [turn('user', of(2 * MIN))] }, false],
])('%s (%s)', (_name, api, request, has) => {
  const key = prefixKey(api, request);
  expect(key !== null).toBe(has);
  if (key !== null) expect(isPrefixKey(key)).toBe(true);
});

test('a conversation keeps its key while it grows, however long its turns are', () => {
  const said = fc.string({ maxLength: 2_000 });
  fc.assert(
    fc.property(said, said, fc.array(said, { maxLength: 12 }), (system, question, later) => {
      const turns = later.map((text, i) => turn(i % 2 === 0 ? 'assistant' : 'user', text));
      const begun = prefixKey('chat', chat(system, question));
      turns.forEach((_, i) => expect(prefixKey('chat', chat(system, question, ...turns.slice(0, i + 1)))).toBe(begun));
    }),
  );
  const prompt = of(MIN + 1);
  expect(prefixKey('completions', { prompt: `${prompt} and more` })).toBe(prefixKey('completions', { prompt }));
});

test('what differs where it is looked at is another conversation; the middle of a long question is not looked at', () => {
  const key = (system: string, question: string): string | null => prefixKey('chat', chat(system, question));
  const half = LOOKED_AT_CHARS;
  const middle = (letter: string, head = 'h', tail = 't', length = 1_000): string =>
    of(half - 1) + head + of(length, letter) + tail + of(half - 1);
  const base = key('s', middle('m'));
  expect(key('s', middle('n'))).toBe(base);
  for (const other of [
    key('s', middle('m', 'H')),
    key('s', middle('m', 'h', 'T')),
    key('s', middle('m', 'h', 't', 1_001)),
    key('S', middle('m')),
    key('', middle('m')),
  ])
    expect(other).not.toBe(base);
  expect(key(of(half) + 'a' + of(half), 'q')).toBe(key(of(half) + 'b' + of(half), 'q'));
  expect(prefixKey('completions', { prompt: of(MIN - 1) + 'ab' })).not.toBe(
    prefixKey('completions', { prompt: of(MIN - 1) + 'bb' }),
  );
});
