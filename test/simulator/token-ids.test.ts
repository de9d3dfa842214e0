import { expect, test } from 'vitest';
import { readCompletionRequest, type CompletionRequest } from '../../src/simulator/completion-request.js';
import { expectedAnswer, promptKeyOfChat } from '../../src/simulator/text.js';
import { idOfWord, idsOfPrompt, idsOfText, readPromptIds } from '../../src/simulator/token-ids.js';

const KEY = promptKeyOfChat([{ role: 'user', content: 'Sag mir was über Häfen, 漢字 🙂' }]);
const words = expectedAnswer(KEY, { maxTokens: 9 }).tokens;
const read = (shape: 'chat' | 'text', body: object): CompletionRequest =>
  readCompletionRequest(shape, body, { model: 'm', contextTokensMax: 1_000 });

test('a text is four bytes an id, and can be read back', () => {
  expect(idsOfText('abcde')).toEqual([0x61626364, 0x65000000]);
  for (const key of ['a', 'abcd', KEY]) expect(readPromptIds(idsOfText(key))).toEqual({ key, said: '' });
});

test.each([0, 1, 5])('a prompt with %i words of its answer goes on with the next one', (count) => {
  const said = words.slice(0, count);
  const ids = idsOfPrompt(KEY, said.join(''));
  expect(ids).toEqual([...idsOfText(KEY), ...said.map(idOfWord)]);
  const request = read('text', { prompt: ids, max_tokens: 9 - count });
  expect(request.answer.tokens).toEqual(words.slice(count));
  expect(request).toMatchObject({ promptTokens: ids.length, promptIds: null });
});

test('words that the answer does not have are refused', () => {
  const ids = [...idsOfText(KEY), idOfWord(words[1] ?? '')];
  expect(() => read('text', { prompt: ids, max_tokens: 1 })).toThrow(/has not said/);
});

test('whoever wants ids gets those of the prompt, of a continued one too', () => {
  const asked = { messages: [{ role: 'user', content: 'x' }], max_tokens: 5, return_token_ids: true };
  const key = promptKeyOfChat(asked.messages);
  const begun = expectedAnswer(key, { maxTokens: 2 }).tokens;
  expect(read('chat', asked)).toMatchObject({ promptIds: idsOfText(key), promptTokens: idsOfText(key).length });
  const messages = [...asked.messages, { role: 'assistant', content: begun.join('') }];
  const more = { ...asked, messages, add_generation_prompt: false, continue_final_message: true };
  expect(read('chat', more).promptIds).toEqual([...idsOfText(key), ...begun.map(idOfWord)]);
});
