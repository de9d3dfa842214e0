/** The text of a simulated model: a pure function of the prompt that can be continued anywhere. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  continueAnswer,
  expectedAnswer,
  expectedText,
  promptKeyOfChat,
  splitContinuedPrompt,
} from '../../src/simulator/text.js';
import { runs } from '../kit/runs.js';

const chat = (...contents: string[]): string => promptKeyOfChat(contents.map((content) => ({ role: 'user', content })));

describe('expected answers', () => {
  test('are the same for the same prompt, and another for another one', () => {
    expect(expectedText(chat('a'), 50)).toBe(expectedText(chat('a'), 50));
    expect(expectedText(chat('a'), 50)).not.toBe(expectedText(chat('b'), 50));
    expect(expectedText(chat('a', 'b'), 50)).not.toBe(expectedText(chat('ab'), 50));
  });

  test('have a natural length from 20 to 200 tokens, and end with stop there and with length before it', () => {
    fc.assert(
      fc.property(fc.string(), (prompt) => {
        const natural = expectedAnswer(prompt, { maxTokens: null });
        expect(natural.tokens.length).toBeGreaterThanOrEqual(20);
        expect(natural.tokens.length).toBeLessThanOrEqual(200);
        const { length } = natural.tokens;
        expect(natural.finishReason).toBe('stop');
        expect(expectedAnswer(prompt, { maxTokens: length }).finishReason).toBe('stop');
        expect(expectedAnswer(prompt, { maxTokens: length - 1 })).toEqual({
          tokens: natural.tokens.slice(0, -1),
          finishReason: 'length',
        });
      }),
    );
  });

  test('go on to max_tokens when the end of text is ignored', () => {
    const answer = expectedAnswer('p', { maxTokens: 500, ignoreEos: true });
    expect([answer.tokens.length, answer.finishReason]).toEqual([500, 'length']);
  });

  test.each<[string, string[], string]>([
    ['the words of the order', ['Repeat exactly: alpha beta 42'], 'alpha beta 42'],
    ['of the last message only', ['Repeat exactly: no', 'Repeat exactly: yes sir'], 'yes sir'],
    ['behind something else', ['Probe 7. Repeat exactly:   blue  pier '], 'blue  pier'],
  ])('an order to repeat is answered with %s', (_name, contents, words) => {
    expect(expectedAnswer(chat(...contents), { maxTokens: null })).toMatchObject({ finishReason: 'stop' });
    expect(expectedText(chat(...contents), null)).toBe(words);
  });

  test('an order to repeat in an earlier message is not the question', () => {
    expect(expectedText(chat('Repeat exactly: no', 'hello'), null)).not.toBe('no');
  });
});

describe('continuation', () => {
  test('is exact at every character, and counts new tokens only', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), fc.integer({ min: 1, max: 300 }), (prompt, cut, maxTokens) => {
        const whole = expectedAnswer(prompt, { maxTokens: null });
        const text = whole.tokens.join('');
        const said = text.slice(0, cut % (text.length + 1));
        const rest = continueAnswer(prompt, said, { maxTokens });
        expect(text.startsWith(said + (rest?.tokens.join('') ?? '?'))).toBe(true);
        expect(rest?.tokens.length).toBeLessThanOrEqual(maxTokens);
        const isWhole = said + (rest?.tokens.join('') ?? '?') === text;
        expect(rest?.finishReason).toBe(isWhole ? 'stop' : 'length');
      }),
      { numRuns: runs(100) },
    );
  });

  test('of foreign words is refused', () => {
    expect(continueAnswer('p', 'something else', { maxTokens: 5 })).toBeNull();
    expect(continueAnswer('p', `${expectedText('p', null)} and more`, { maxTokens: 5 })).toBeNull();
  });

  test('a plain prompt that ends with the beginning of its own answer is taken apart', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.integer({ min: 1, max: 20 }), (prompt, tokens) => {
        const said = expectedText(prompt, tokens);
        expect(splitContinuedPrompt(prompt + said)).toEqual({ key: prompt, said });
        expect(splitContinuedPrompt(prompt).said).toBe('');
      }),
    );
    expect(splitContinuedPrompt('Answer 12345678: yes').said).toBe('');
    expect(splitContinuedPrompt('I wait. Answer 12345678: yes').said).toBe('');
  });
});
