import { describe, expect, test } from 'vitest';
import {
  continuedRequest,
  engineContinues,
  forbiddenByRequest,
  type ChoicesApi,
  type ContinuationNeeds,
} from '../../../src/domain/continuation/continued-request.js';

const VLLM: ContinuationNeeds = { chat: { fields: { continue_final_message: true } }, completions: true };
const TEXT_ONLY: ContinuationNeeds = { chat: null, completions: true };
const user = { role: 'user', content: 'hi' };
const begun = { role: 'assistant', content: 'he' };
const said = { text: 'llo', tokens: 2 };

describe('what a request forbids', () => {
  test.each<[string, ChoicesApi, unknown, ReturnType<typeof forbiddenByRequest>]>([
    ['a plain chat', 'chat', { messages: [user] }, null],
    [
      'nothing asked, in so many words',
      'chat',
      {
        messages: [user],
        n: 1,
        logprobs: false,
        response_format: { type: 'text' },
        tool_choice: 'auto',
        guided_json: null,
      },
      null,
    ],
    ['tools that may be called', 'chat', { messages: [user], tools: [{}], tool_choice: 'auto' }, null],
    [
      'a tool that must be called',
      'chat',
      { messages: [user], tools: [{}], tool_choice: { type: 'function' } },
      'guided-decoding',
    ],
    ['n = 2', 'chat', { messages: [user], n: 2 }, 'many-choices'],
    ['a beam search', 'completions', { prompt: 'x', use_beam_search: true }, 'many-choices'],
    ['several prompts', 'completions', { prompt: ['x', 'y'] }, 'prompt-form'],
    ['one prompt in a list', 'completions', { prompt: ['x'] }, null],
    ['token ids', 'completions', { prompt: [1, 2] }, 'prompt-form'],
    ['one token id', 'completions', { prompt: [1] }, 'prompt-form'],
    ['the probabilities of the chosen tokens', 'completions', { prompt: 'x', logprobs: 0 }, 'logprobs'],
    [
      'an answer that goes on from the caller’s beginning',
      'chat',
      { messages: [user, begun], continue_final_message: true },
      null,
    ],
    ['a new turn after an answer', 'chat', { messages: [user, begun] }, 'prompt-form'],
    ['messages that are none', 'chat', { messages: 'hi' }, 'prompt-form'],
    ['no object', 'chat', null, 'prompt-form'],
  ])('%s', (_name, api, body, because) => {
    expect(forbiddenByRequest(api, body)).toBe(because);
  });
});

describe('the request for the rest', () => {
  const asked = (body: object, api: ChoicesApi = 'chat'): unknown => continuedRequest(api, body, said, VLLM);

  test('prolongs the messages by what was said, and leaves the caller’s own alone', () => {
    const body = { messages: [user], temperature: 0 };
    expect(asked(body)).toEqual({
      kind: 'ask',
      body: {
        temperature: 0,
        messages: [user, { role: 'assistant', content: 'llo' }],
        continue_final_message: true,
      },
    });
    expect(body.messages).toEqual([user]);
  });

  test('prolongs a beginning of the caller’s own', () => {
    expect(asked({ messages: [user, begun], continue_final_message: true })).toMatchObject({
      body: { messages: [user, { role: 'assistant', content: 'hello' }] },
    });
  });

  test('prolongs a prompt', () => {
    expect(asked({ prompt: ['he'] }, 'completions')).toMatchObject({ body: { prompt: 'hello' } });
  });

  test.each<[string, object, unknown]>([
    ['one token more than was said', { max_tokens: 3 }, { kind: 'ask', body: { max_tokens: 1 } }],
    ['as many as were said', { max_tokens: 2 }, { kind: 'complete' }],
    ['fewer than were said', { max_completion_tokens: 1 }, { kind: 'complete' }],
    ['both limits', { max_tokens: 9, max_completion_tokens: 5 }, { body: { max_tokens: 7, max_completion_tokens: 3 } }],
    ['no limit', { max_tokens: null }, { body: { max_tokens: null } }],
    ['a least length that is not reached', { min_tokens: 5 }, { body: { min_tokens: 3 } }],
    ['a least length that is', { min_tokens: 1 }, { body: { min_tokens: 0 } }],
  ])('with %s', (_name, limits, expected) => {
    expect(asked({ messages: [user], ...limits })).toMatchObject(expected as object);
  });

  test('is the caller’s own when nothing was said, whatever the engine can', () => {
    const body = { messages: [user], max_tokens: 1 };
    const nothing = { text: '', tokens: 0 };
    expect(continuedRequest('chat', body, nothing, TEXT_ONLY)).toEqual({ kind: 'ask', body });
  });

  test('is refused for an engine that would answer anew', () => {
    expect(engineContinues('chat', TEXT_ONLY)).toBe(false);
    expect(continuedRequest('chat', { messages: [user] }, said, TEXT_ONLY)).toEqual({
      kind: 'refused',
      because: 'engine-cannot',
    });
    expect(continuedRequest('completions', { prompt: 'x' }, said, TEXT_ONLY)).toMatchObject({ kind: 'ask' });
  });
});
