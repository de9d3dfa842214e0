import { expect, test } from 'vitest';
import type { ApiError } from '../../src/simulator/http-answers.js';
import { expectedAnswer } from '../../src/simulator/text.js';
import { answerTokenize } from '../../src/simulator/tokenize.js';

const serving = { model: 'llama', contextTokensMax: 8_192 };

test('a text has as many tokens as the model used to say it', () => {
  for (const prompt of ['tell me', 'and what else', 'Repeat exactly: one two  three']) {
    for (const maxTokens of [1, 2, 17, null]) {
      const { tokens } = expectedAnswer(prompt, { maxTokens });
      const answer = answerTokenize({ model: 'llama', prompt: tokens.join('') }, serving);
      expect(answer).toMatchObject({ count: tokens.length, max_model_len: 8_192 });
      expect(answer.tokens).toHaveLength(tokens.length);
    }
  }
  expect(answerTokenize({ prompt: '' }, serving).count).toBe(0);
});

test.each([
  [{ model: 'other', prompt: 'x' }, 404],
  [{ model: 'llama' }, 400],
  [{ model: 'llama', prompt: ['x'] }, 400],
  [null, 400],
])('%j is refused with %i', (body, status) => {
  expect(() => answerTokenize(body, serving)).toThrow(expect.objectContaining({ status }) as ApiError);
});
