import { describe, expect, test } from 'vitest';
import { tokensExpected, tokensReserved, tokensSpent, type AnsweredTokens } from '../../src/domain/token-cost.js';

const TEN = 'ten tokens of four characters: forty two';
expect(TEN).toHaveLength(40);

describe('when it comes, a request is expected to cost', () => {
  test.each<[string, unknown, number, number | null]>([
    ['nothing without a body', null, 0, null],
    ['its prompt by its length', { prompt: TEN }, 10, null],
    ['a part of a token as one', { prompt: TEN + '.' }, 11, null],
    ['all prompts of a list', { prompt: [TEN, TEN] }, 20, null],
    ['one for each token of a prompt in tokens', { prompt: [1, 2, 3] }, 3, null],
    [
      'all messages',
      {
        messages: [
          { role: 'user', content: TEN },
          { role: 'user', content: TEN },
        ],
      },
      20,
      null,
    ],
    ['parts that are text', { messages: [{ content: [{ type: 'text', text: TEN }] }] }, 10, null],
    ['nothing for a picture', { messages: [{ content: [{ image_url: { url: TEN } }] }] }, 0, null],
    ['input and instructions', { input: TEN, instructions: TEN }, 20, null],
    ['its longest answer', { prompt: TEN, max_tokens: 7 }, 10, 7],
    ['the newer word for that first', { max_tokens: 7, max_completion_tokens: 5 }, 0, 5],
    ['the word of the Responses API', { input: TEN, max_output_tokens: 7 }, 10, 7],
    ['no answer of a length that is none', { prompt: TEN, max_tokens: 'many' }, 10, null],
  ])('%s', (_name, request, prompt, answerMax) => {
    expect(tokensExpected({ request, answers: 1, bytes: 0 })).toMatchObject({ prompt, answerMax });
  });

  test('the longest answer as often as it is asked for', () => {
    const expected = tokensExpected({ request: { prompt: TEN, max_tokens: 7 }, answers: 3, bytes: 0 });
    expect(expected).toMatchObject({ prompt: 10, answerMax: 21 });
    expect(tokensReserved(expected)).toBe(31);
  });
  test.each([
    [Infinity, 1],
    [1, Infinity],
    [0, Infinity],
  ])('a bounded number when %d tokens are asked for %d times', (max, answers) => {
    expect(tokensExpected({ request: { max_tokens: max }, answers, bytes: 0 }).answerMax).toBe(1e9);
  });
  test('of an answer without a limit nothing is reserved', () => {
    expect(tokensReserved(tokensExpected({ request: { prompt: TEN }, answers: 1, bytes: 0 }))).toBe(10);
  });
  test('however deep somebody nests it, it ends', () => {
    let deep: unknown = TEN;
    for (let i = 0; i < 10_000; i++) deep = [deep];
    expect(tokensExpected({ request: { messages: deep }, answers: 1, bytes: 0 }).prompt).toBe(0);
  });
});

describe('at the end it has cost', () => {
  const NOT_TOLD: AnsweredTokens = { prompt: null, completion: null, frames: 0, bytes: 0 };
  test.each<[string, number | null, AnsweredTokens | null, number]>([
    ['nothing when it was refused', 50, null, 0],
    ['what the engine counted', 50, { ...NOT_TOLD, prompt: 3, completion: 4, frames: 9, bytes: 99 }, 7],
    ['what it counted of the prompt, where there is no answer', null, { ...NOT_TOLD, prompt: 3, bytes: 9_999 }, 3],
    ['its prompt and the frames of a stream', 50, { ...NOT_TOLD, frames: 9, bytes: 9_999 }, 19],
    ['no more frames than tokens were allowed', 5, { ...NOT_TOLD, frames: 9 }, 15],
    ['its prompt and the length of the answer', null, { ...NOT_TOLD, bytes: 41 }, 21],
    ['no longer an answer than was allowed', 5, { ...NOT_TOLD, bytes: 41 }, 15],
    ['its prompt when nothing was answered', 50, NOT_TOLD, 10],
    ['no more of a prompt than could have been read', 50, { ...NOT_TOLD, prompt: 1e20, completion: 4 }, 1_004],
    ['no more of an answer than was allowed', 50, { ...NOT_TOLD, prompt: 3, completion: 1e20 }, 53],
    [
      'no more than came and thoughts, where nothing was limited',
      null,
      { ...NOT_TOLD, prompt: 3, completion: 1e20, frames: 2, bytes: 30 },
      135,
    ],
    ['nothing below zero', 50, { ...NOT_TOLD, prompt: -1e9, completion: -1e9, frames: 2 }, 12],
    ['no number that is none', 50, { ...NOT_TOLD, prompt: NaN, completion: NaN, frames: 2 }, 12],
    ['no part of a token', 50, { ...NOT_TOLD, prompt: 3.9, completion: 4.9 }, 7],
  ])('%s', (_name, answerMax, answered, spent) => {
    expect(tokensSpent({ prompt: 10, answerMax, promptMax: 1_000, hiddenMax: 100 }, answered)).toBe(spent);
  });
});
