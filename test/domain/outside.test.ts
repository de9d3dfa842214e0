import { describe, expect, it } from 'vitest';
import {
  CONTAINERS_MAX,
  DEPTH_MAX,
  describeValue,
  isFields,
  listOf,
  numberOf,
  parseFields,
  parseJson,
  textOf,
} from '../../src/domain/outside.js';

const nested = (depth: number, [open, close]: readonly [string, string] = ['[', ']'], core = ''): string =>
  open.repeat(depth) + core + close.repeat(depth);

const reasonOf = (text: string): string => {
  const parsed = parseJson(text);
  return parsed.kind === 'parsed' ? 'parsed' : parsed.reason;
};

describe('JSON from outside', () => {
  it.each([
    ['as deep as the limit', nested(DEPTH_MAX), 'parsed'],
    ['one deeper', nested(DEPTH_MAX + 1), 'too-deep'],
    ['objects one deeper', nested(DEPTH_MAX + 1, ['{"a":', '}'], '1'), 'too-deep'],
    ['both in turn', nested(DEPTH_MAX / 2 + 1, ['[{"a":', '}]'], '1'), 'too-deep'],
    ['8,000 deep', nested(8_000), 'too-deep'],
    ['a million deep', nested(1_000_000), 'too-deep'],
    ['never closed', '['.repeat(8_000), 'too-deep'],
    ['only closed', ']'.repeat(8_000), 'not-json'],
    ['closed before it opens', `${']'.repeat(300)}${'['.repeat(300)}`, 'not-json'],
    ['brackets inside a text', JSON.stringify('['.repeat(8_000)), 'parsed'],
    ['an escaped quote before brackets', JSON.stringify(`"${'['.repeat(8_000)}`), 'parsed'],
    ['an escaped backslash before the closing quote', `["\\\\",${nested(DEPTH_MAX)}]`, 'too-deep'],
    ['a text that never ends', `"${'\\"['.repeat(8_000)}`, 'not-json'],
    ['wide, not deep', `[${'[],'.repeat(50_000)}1]`, 'parsed'],
    ['too many objects', `[${'{},'.repeat(CONTAINERS_MAX)}1]`, 'too-large'],
    ['nothing', '', 'not-json'],
    ['no JSON, long', 'x'.repeat(100_000), 'not-json'],
  ])('%s', (_name, text, expected) => {
    expect(reasonOf(text)).toBe(expected);
  });

  it('is refused beyond a length', () => {
    expect(parseJson('"12345"', { charsMax: 6 })).toMatchObject({ reason: 'too-large' });
    expect(parseJson('"1234"', { charsMax: 6 })).toEqual({ kind: 'parsed', value: '1234' });
  });

  it('never repeats the text in its refusal', () => {
    const parsed = parseJson('{"prompt": my secret is 42}');
    expect(parsed).toMatchObject({ reason: 'not-json' });
    expect(JSON.stringify(parsed)).not.toMatch(/secret|prompt/);
  });

  it('what is parsed at the limit can be printed', () => {
    const parsed = parseJson(nested(DEPTH_MAX, ['{"a":', '}'], '"x"'));
    expect(parsed.kind === 'parsed' && JSON.stringify(parsed.value).length).toBe(6 * DEPTH_MAX + 3);
  });

  it('only an object has fields', () => {
    for (const text of ['[]', 'null', '1', '"a"', 'true', nested(8_000, ['{"a":', '}'], '1')])
      expect(parseFields(text)).toBeNull();
    expect(parseFields('{"__proto__":{"a":1}}')?.['a']).toBeUndefined();
    expect(parseFields('{"a":1}')).toEqual({ a: 1 });
  });
});

describe('values from outside', () => {
  const hostile: unknown[] = [
    { toString: 0 },
    { valueOf: 0, toString: 0 },
    JSON.parse('{"__proto__":{"toString":0}}'),
    { length: 1e9 },
    { toJSON: 1 },
    Object.create(null),
    [{ toString: 0 }],
    [[[]]],
  ];

  it.each(hostile)('an object is neither text nor number: %#', (value) => {
    expect([textOf(value), numberOf(value)]).toEqual([null, null]);
    expect(listOf(value)).toBe(Array.isArray(value) ? value : null);
    expect(isFields(value)).toBe(!Array.isArray(value));
    expect(describeValue(value)).toBe(Array.isArray(value) ? 'a list' : 'an object');
  });

  it.each([
    [0, 0],
    [-0, -0],
    [1e308, 1e308],
    [Infinity, null],
    [NaN, null],
    ['7', null],
    [null, null],
    [true, null],
    [undefined, null],
  ])('a number is a number: %s', (value, expected) => {
    expect(numberOf(value)).toBe(expected);
  });

  it.each([
    [undefined, 'nothing'],
    [null, 'null'],
    [7, 'number 7'],
    [true, 'boolean true'],
    ['x'.repeat(10_000), `string ${'x'.repeat(72)}`],
    [Symbol('s'), 'symbol Symbol(s)'],
  ])('is described: %#', (value, expected) => {
    expect(describeValue(value)).toBe(expected);
  });
});
