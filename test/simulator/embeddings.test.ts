/** What the simulated engine answers to `POST /v1/embeddings`. */
import { expect, test } from 'vitest';
import { answerEmbeddings, EMBEDDING_DIMENSIONS, expectedEmbedding } from '../../src/simulator/embeddings.js';

test('a text has one vector of length 1, another text another one', () => {
  const vector = expectedEmbedding('hello');
  expect(vector).toHaveLength(EMBEDDING_DIMENSIONS);
  expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
  expect(expectedEmbedding('hello')).toEqual(vector);
  expect(expectedEmbedding('hello!')).not.toEqual(vector);
});

test('one text or several, in their order, with a usage', () => {
  const one = answerEmbeddings({ model: 'm', input: 'hello' }, 'm');
  expect(one).toMatchObject({ object: 'list', model: 'm', usage: { prompt_tokens: 2, total_tokens: 2 } });
  expect(one.data).toEqual([{ object: 'embedding', index: 0, embedding: expectedEmbedding('hello') }]);
  const two = answerEmbeddings({ input: ['a', 'b'] }, 'm').data;
  expect(two.map(({ index, embedding }) => [index, embedding])).toEqual([
    [0, expectedEmbedding('a')],
    [1, expectedEmbedding('b')],
  ]);
});

test('base64 carries the same numbers', () => {
  const [first] = answerEmbeddings({ input: 'hello', encoding_format: 'base64' }, 'm').data;
  const bytes = Buffer.from(String(first?.embedding), 'base64');
  const numbers = Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4));
  expect(numbers).toEqual(expectedEmbedding('hello'));
});

test.each<[string, unknown, number]>([
  ['another model', { model: 'other', input: 'a' }, 404],
  ['no input', {}, 400],
  ['an empty text', { input: '' }, 400],
  ['an empty list', { input: [] }, 400],
  ['as many as are allowed', { input: Array.from({ length: 2_048 }, () => 'a') }, 200],
  ['one too many', { input: Array.from({ length: 2_049 }, () => 'a') }, 400],
  ['token numbers, which are not simulated', { input: [1, 2] }, 400],
  ['an unknown encoding', { input: 'a', encoding_format: 'hex' }, 400],
  ['no object', [], 400],
])('%s', (_name, body, status) => {
  const answered = (): number => {
    try {
      answerEmbeddings(body, 'm');
      return 200;
    } catch (error) {
      return (error as { status: number }).status;
    }
  };
  expect(answered()).toBe(status);
});
