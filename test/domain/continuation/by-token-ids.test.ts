import { describe, expect, test } from 'vitest';
import { continuedByIds, idsCarry, isIds, limitsLength } from '../../../src/domain/continuation/by-token-ids.js';
import type { ChoicesApi } from '../../../src/domain/continuation/continued-request.js';

const user = { role: 'user', content: 'hi' };
const chat = { messages: [user], max_tokens: 9 };
const picture = { type: 'image_url', image_url: { url: 'x' } };

describe('whether ids tell all of an answer and its prompt', () => {
  test.each<[string, ChoicesApi, unknown, boolean]>([
    ['a chat', 'chat', chat, true],
    ['with the newer name of the limit', 'chat', { messages: [user], max_completion_tokens: 9 }, true],
    ['without a limit', 'chat', { messages: [user] }, true],
    [
      'messages in parts',
      'chat',
      { ...chat, messages: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }] },
      true,
    ],
    ['a picture', 'chat', { ...chat, messages: [{ role: 'user', content: [picture] }] }, false],
    ['messages that are none', 'chat', { ...chat, messages: 'hi' }, false],
    ['no tools', 'chat', { ...chat, tools: [] }, true],
    ['tools', 'chat', { ...chat, tools: [{}] }, false],
    ['functions', 'chat', { ...chat, functions: [{}] }, false],
    ['hidden reasoning', 'chat', { ...chat, include_reasoning: false }, false],
    ['an echo', 'chat', { ...chat, echo: true }, false],
    ['a new turn after an answer', 'chat', { ...chat, messages: [user, { role: 'assistant', content: 'a' }] }, true],
    ['a stop text of one character', 'chat', { ...chat, stop: ['a', 'b'] }, true],
    ['one of two', 'chat', { ...chat, stop: ['a', 'bc'] }, false],
    ['one of two, alone', 'chat', { ...chat, stop: 'bc' }, false],
    ['a caller that wants ids', 'chat', { ...chat, return_token_ids: true }, true],
    ['a caller that does not', 'chat', { ...chat, return_token_ids: false }, false],
    ['a text', 'completions', { prompt: 'x' }, true],
    ['a text in a list', 'completions', { prompt: ['x'] }, true],
    ['two of them', 'completions', { prompt: ['x', 'y'] }, false],
    ['ids', 'completions', { prompt: [0, 1] }, true],
    ['ids in a list', 'completions', { prompt: [[0, 1]] }, true],
    ['two lists of ids', 'completions', { prompt: [[0], [1]] }, false],
    ['no ids', 'completions', { prompt: [] }, false],
    ['numbers that are no ids', 'completions', { prompt: [0, -1] }, false],
    ['a suffix', 'completions', { prompt: 'x', suffix: 'y' }, false],
    ['a prompt that its engine shortens', 'completions', { prompt: 'x', truncate_prompt_tokens: 5 }, false],
    ['no object', 'chat', null, false],
  ])('%s', (_name, api, body, carry) => {
    expect(idsCarry(api, body)).toBe(carry);
  });
});

test.each<[object, boolean]>([
  [{ max_tokens: 1 }, true],
  [{ max_completion_tokens: 1 }, true],
  [{ max_tokens: null }, false],
  [{}, false],
])('%j limits its length: %s', (body, limits) => {
  expect(limitsLength(body)).toBe(limits);
});

test('ids are whole numbers from 0 on, of 32 bits', () => {
  expect([[], [0, 2 ** 32 - 1]].map(isIds)).toEqual([true, true]);
  expect([[-1], [2 ** 32], [1.5], ['1'], [null]].map(isIds)).toEqual([false, false, false, false, false]);
});

describe('the request for the rest by ids', () => {
  const said = { prompt: [1, 2, 3], tokens: 2, contextTokens: null };

  test('of a plain completion is the same with another prompt, and shorter', () => {
    const body = { prompt: 'x', max_tokens: 9, min_tokens: 3, stop: 'a', seed: 1 };
    expect(continuedByIds('completions', body, said)).toEqual({
      kind: 'ask',
      body: { ...body, prompt: [1, 2, 3], max_tokens: 7, min_tokens: 1 },
    });
  });

  test('of a chat goes to the other API, with all that both know', () => {
    const own = { temperature: 0.5, ignore_eos: true, stream: true, vllm_xargs: { a: 1 }, logit_bias: { 1: 2 } };
    const body = { ...chat, ...own, max_completion_tokens: 5, tools: [], tool_choice: 'none', logprobs: false };
    expect(continuedByIds('chat', body, said)).toEqual({
      kind: 'ask',
      api: 'completions',
      body: { ...own, prompt: [1, 2, 3], max_tokens: 3 },
    });
  });

  test.each<[number, object]>([
    [5, { kind: 'ask', body: { max_tokens: 2 } }],
    [4, { kind: 'ask', body: { max_tokens: 1 } }],
    [3, { kind: 'complete' }],
  ])('of a chat without a limit fills a context of %i tokens', (contextTokens, expected) => {
    expect(continuedByIds('chat', { messages: [user] }, { ...said, contextTokens })).toMatchObject(expected);
  });

  test.each([
    [1, { kind: 'ask' }],
    [0, { kind: 'complete' }],
  ])('with %i tokens left', (left, kind) => {
    expect(continuedByIds('chat', { ...chat, max_tokens: 2 + left }, said)).toMatchObject(kind);
  });
});
