import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatDuration, parseDuration } from '../../src/config/duration.js';
import { nearest } from '../../src/config/nearest.js';

test.each([
  ['500ms', 500],
  ['2s', 2_000],
  ['1.5s', 1_500],
  ['10m', 600_000],
  ['1h', 3_600_000],
  ['0s', 0],
  ['2', null],
  ['2 s', null],
  ['-2s', null],
  ['2d', null],
  ['', null],
  ['1e3s', null],
])('the duration `%s` is %s ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

test('what is formatted is read back the same', () => {
  fc.assert(
    fc.property(fc.nat(900_000_000), (ms) => {
      expect(parseDuration(formatDuration(ms))).toBe(ms);
    }),
  );
});

test.each([
  ['vantags', 'vantages'],
  ['Clusters', 'clusters'],
  ['mov', 'move'],
  ['zebra', null],
  ['', null],
])('for `%s` the guess is %s', (word, guess) =>
  expect(nearest(word, ['vantages', 'clusters', 'move', 'health'])).toBe(guess),
);
