import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { labelOf, PAGE_MAX, readSamples } from '../../src/engines/prometheus.js';
import { dialectOf } from '../../src/engines/registry.js';

const only = (text: string, name = 'm'): readonly number[] | undefined =>
  readSamples(text, new Set([name]))
    .get(name)
    ?.map(({ value }) => value);

describe('the text format', () => {
  test.each<[string, string, readonly number[] | undefined]>([
    ['a plain sample', 'm 3', [3]],
    ['labels', 'm{a="1",b="x"} 3.5', [3.5]],
    ['a brace, a quote and a blank in a label', 'm{a="} \\" 7 "} 4', [4]],
    ['a timestamp after the value', 'm 1e3 1700000000', [1000]],
    ['several label sets in page order', 'm{e="0"} 1\nm{e="1"} 2', [1, 2]],
    ['a longer name is another metric', 'm_total 3', undefined],
    ['comments', '# HELP m 9\n# TYPE m gauge\nm 2', [2]],
    ['not a number is not known', 'm NaN', undefined],
    ['infinity is not known', 'm +Inf', undefined],
    ['a line without a value', 'm\nm 1', [1]],
    ['Windows line ends', 'm 1\r\nm 2\r\n', [1, 2]],
    ['nothing', '', undefined],
    ['labels without a blank behind them', 'm{a="1"}3', undefined],
    ['hexadecimal is a number to nobody but us, and harmless', 'm 0x10', [16]],
    ['a word for a value', 'm seven', undefined],
    ['blanks before the labels', 'm {a="1"} 3', [3]],
    ['an HTML error page', '<html><body>m 1</body></html>', undefined],
  ])('%s', (_name, text, expected) => expect(only(text)).toEqual(expected));

  test('the value of a label, quotes inside it too', () => {
    const [sample] = readSamples('m{a="1",bb="x\\"y",c=""} 4', new Set(['m'])).get('m') ?? [];
    expect(sample).toBeDefined();
    if (sample === undefined) return;
    expect(['a', 'bb', 'c', 'b', 'd'].map((name) => labelOf(sample, name))).toEqual([
      '1',
      'x\\"y',
      '',
      undefined,
      undefined,
    ]);
  });

  test('whatever comes, it neither throws nor invents', () => {
    fc.assert(fc.property(fc.string(), (text) => void readSamples(text, new Set(['m']))));
  });

  test('a page that is too long is cut at a whole line', () => {
    const long = `m 1\n${'x 1\n'.repeat(PAGE_MAX / 4)}m 2\n`;
    expect(only(long)).toEqual([1]);
  });

  test('labels that never close cost no more than one look', () => {
    const started = performance.now();
    expect(only(`m{${'a="'.repeat(100_000)}`)).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

test.each<[string, unknown]>([
  ['{"status":"healthy"}', { healthy: true }],
  ['{"status":"unhealthy","xid":79}', { healthy: false, xid: 79 }],
  ['{"healthy":false}', { healthy: false }],
  ['{"status":7}', null],
  ['<html>', null],
])('gpu status %s', (body, expected) => expect(dialectOf('generic').readGpu(body)).toEqual(expected));

test.each<[string, unknown]>([
  ['{"used_ratio":0.95}', { used: 0.95 }],
  ['{"used_ratio":"0.95"}', null],
  ['{"used_ratio":-1}', null],
  ['', null],
])('memory use %s', (body, expected) => expect(dialectOf('generic').readMemory(body)).toEqual(expected));
