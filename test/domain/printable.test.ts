import { describe, expect, test } from 'vitest';
import { CodedError } from '../../src/domain/errors.js';
import { failed } from '../../src/domain/health/hysteresis.js';
import { FACT_CHARS_MAX, inMarkdown, jsonLine, printable, printableAll } from '../../src/domain/printable.js';
import { HOSTILE_TEXTS, rawCharacterIn } from '../kit/hostile-texts.js';

const LINE_END = /[\n\r\v\f\u0085\u2028\u2029]/u;

describe.each(HOSTILE_TEXTS)('a text with %s', (_name, text) => {
  test('becomes one line without raw characters, bounded in characters and in bytes', () => {
    const line = printable(text);
    expect(rawCharacterIn(line)).toBeNull();
    expect(line).not.toMatch(LINE_END);
    expect(line).not.toMatch(/\s{2}/u);
    expect(line.length).toBeLessThanOrEqual(FACT_CHARS_MAX);
    expect(Buffer.byteLength(JSON.stringify(line))).toBeLessThanOrEqual(3 * FACT_CHARS_MAX + 2);
    expect(printable(line)).toBe(line);
  });

  test('is one line in an error, and in evidence', () => {
    expect(rawCharacterIn(new CodedError('bad-input', `found ${text}`).message)).toBeNull();
    expect(new CodedError('bad-input', `found ${text}`).message).not.toMatch(LINE_END);
    const outcome = failed(`completion: ${text}`, `must serve ${text}`);
    expect(rawCharacterIn(JSON.stringify(outcome))).toBeNull();
    expect(Buffer.byteLength(JSON.stringify(outcome))).toBeLessThan(2_000);
  });

  test('is exact in JSON, on one line that a terminal can show', () => {
    const line = jsonLine({ text, [text]: 1 });
    expect(rawCharacterIn(line)).toBeNull();
    expect(line).not.toMatch(LINE_END);
    expect(JSON.parse(line)).toEqual({ text, [text]: 1 });
  });

  test('is no link, image or heading in Markdown', () => {
    const markdown = inMarkdown(text);
    expect(markdown).not.toMatch(LINE_END);
    const outside = markdown.startsWith('`') ? markdown.replace(/^`[^`|]*`$/u, '') : markdown;
    expect(outside).not.toMatch(/[<>[\]!#*_|`]|:\/\/|www\.|@/u);
  });
});

test.each([
  ['plain words', 'connection refused, 3 in a row'],
  ['an arrow and a share', 'eu-a 75 % → us-b 25 %'],
  ['other scripts', 'Größe 大 مرحبا हिन्दी ไม่'],
  ['an emoji', 'rack B \u{1F525}'],
])('%s stay as they are', (_name, text) => expect(printable(text)).toBe(text));

test('a text that is cut ends with a whole character', () => {
  expect(printable('\u{1F525}'.repeat(10), 6)).toBe('\u{1F525}\u{1F525}…');
});

test('all texts of plain data are printable, names of fields and depths included', () => {
  const deep = Array.from({ length: 5_000 }).reduce<unknown>((inner) => [inner], 'x\u001b');
  const seen = printableAll({ 'a\nb': ['x\u001b[2J', { y: '\u202e1' }], n: 1, none: null, deep }) as { deep: unknown };
  expect({ ...seen, deep: 0 }).toEqual({ 'a b': ['x [2J', { y: '1' }], n: 1, none: null, deep: 0 });
  expect(JSON.stringify(seen.deep)).toContain('…');
});

test('an error has several lines only where they are given one by one, each printable', () => {
  expect(new CodedError('bad-config', 'a\nb').message).toBe('a b');
  expect(new CodedError('bad-config', ['a\nb', '  - c\u001b[2J']).message).toBe('a b\n  - c [2J');
});
