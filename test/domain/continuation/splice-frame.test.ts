import { describe, expect, test } from 'vitest';
import {
  identityOf,
  mergedUsage,
  spliceFrame,
  type SpokenBefore,
} from '../../../src/domain/continuation/splice-frame.js';

const before: SpokenBefore = {
  identity: { id: 'first', object: 'chat.completion.chunk', created: 1, model: 'llama' },
  tokens: 5,
  promptTokens: null,
  toChat: false,
  hidesIds: false,
};
const frame = (choice: object, more: object = {}): Record<string, unknown> => ({
  id: 'second',
  object: 'chat.completion.chunk',
  created: 2,
  model: 'llama-b',
  system_fingerprint: 'b',
  choices: [{ index: 0, finish_reason: null, ...choice }],
  ...more,
});

describe('a frame of the continuing answer', () => {
  test('takes the identity of the first answer and keeps what else it says', () => {
    expect(spliceFrame(frame({ delta: { content: 'x' } }), before)).toEqual({
      ...frame({ delta: { content: 'x' } }),
      ...before.identity,
    });
  });

  test.each<[string, object]>([
    ['a role and nothing', { delta: { role: 'assistant', content: '' } }],
    ['a role and null', { delta: { role: 'assistant', content: null } }],
    ['nothing', { delta: {} }],
  ])('is dropped when it only opens: %s', (_name, choice) => {
    expect(spliceFrame(frame(choice), before)).toBeNull();
  });

  test('loses a role that it repeats', () => {
    const spliced = spliceFrame(frame({ delta: { role: 'assistant', content: 'x' } }), before);
    expect(spliced?.['choices']).toEqual([{ index: 0, finish_reason: null, delta: { content: 'x' } }]);
  });

  test('that ends the answer stays, though it says nothing', () => {
    expect(spliceFrame(frame({ delta: {}, finish_reason: 'stop' }), before)).not.toBeNull();
  });

  test('with a usage and no choice stays, and counts both parts', () => {
    const usage = { prompt_tokens: 25, completion_tokens: 3, total_tokens: 28 };
    expect(spliceFrame(frame({}, { choices: [], usage }), before)?.['usage']).toEqual({
      prompt_tokens: 20,
      completion_tokens: 8,
      total_tokens: 28,
    });
  });
});

describe('usage', () => {
  test('keeps the prompt that the first engine counted, when it told', () => {
    const usage = { prompt_tokens: 27, completion_tokens: 3, total_tokens: 30 };
    expect(mergedUsage(usage, { ...before, promptTokens: 20 })).toEqual({
      prompt_tokens: 20,
      completion_tokens: 8,
      total_tokens: 28,
    });
  });

  test('never claims more cached tokens than the prompt has', () => {
    const details = { prompt_tokens_details: { cached_tokens: 24 } };
    const usage = { prompt_tokens: 25, completion_tokens: 3, total_tokens: 28, ...details };
    expect(mergedUsage(usage, before)).toMatchObject({ prompt_tokens_details: { cached_tokens: 20 } });
  });

  test('that is not understood passes', () => {
    expect(mergedUsage({ tokens: 3 }, before)).toEqual({ tokens: 3 });
  });
});

test('an identity is what the frame says of it, no more', () => {
  expect(identityOf({ id: 'a', model: 'm', choices: [] })).toEqual({ id: 'a', model: 'm' });
});

describe('a frame of a plain completion in the answer to a chat', () => {
  const asChat: SpokenBefore = { ...before, toChat: true, hidesIds: true };
  const plain = { text: 'x', logprobs: null, stop_reason: null, prompt_token_ids: [1, 2], token_ids: [3] };

  test('says its text as a chat does, and nothing of ids', () => {
    expect(spliceFrame(frame(plain, { object: 'text_completion' }), asChat)).toEqual({
      ...frame({ delta: { content: 'x' }, logprobs: null, token_ids: null }),
      ...before.identity,
    });
  });

  test('keeps why it stopped, and the ids that its caller had asked for', () => {
    const last = frame({ ...plain, finish_reason: 'stop', stop_reason: 7 });
    expect(spliceFrame(last, { ...asChat, hidesIds: false })?.['choices']).toEqual([
      { index: 0, delta: { content: 'x' }, logprobs: null, finish_reason: 'stop', stop_reason: 7, token_ids: [3] },
    ]);
  });
});

test('ids that nobody but the gateway had asked for are taken out where text goes on, too', () => {
  const spliced = spliceFrame(frame({ text: 'x', prompt_token_ids: [1], token_ids: [2] }), {
    ...before,
    hidesIds: true,
  });
  expect(spliced?.['choices']).toEqual([
    { index: 0, finish_reason: null, text: 'x', prompt_token_ids: null, token_ids: null },
  ]);
});
