import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ERRORS_TEST, sequentialTest, SLOWNESS_TEST } from '../../../src/domain/plan/sprt.js';

describe('the sequential test', () => {
  test.each([
    ['35 clean ones are one too few', 35, 0, 'undecided'],
    ['36 clean ones accept', 36, 0, 'accept'],
    ['2 errors at the beginning are no verdict yet', 0, 2, 'undecided'],
    ['3 errors at the beginning abort', 0, 3, 'abort'],
    ['nothing seen is no verdict', 0, 0, 'undecided'],
    ['30 % errors abort soon', 9, 4, 'abort'],
    ['1 % errors accept in the end', 150, 1, 'accept'],
  ])('%s', (_name, good, bad, verdict) => {
    expect(sequentialTest(good, bad, ERRORS_TEST)).toBe(verdict);
  });

  test('12 fast first tokens are too few to accept, 13 are enough', () => {
    expect(sequentialTest(12, 0, SLOWNESS_TEST)).toBe('undecided');
    expect(sequentialTest(13, 0, SLOWNESS_TEST)).toBe('accept');
  });

  test('one more error never turns an abort into anything better', () => {
    fc.assert(
      fc.property(fc.nat(500), fc.nat(100), (good, bad) => {
        if (sequentialTest(good, bad, ERRORS_TEST) === 'abort') {
          expect(sequentialTest(good, bad + 1, ERRORS_TEST)).toBe('abort');
        }
      }),
    );
  });

  test('a healthy target (1 % errors) is aborted in fewer than 2 of 100 ramps, however often it is looked at', () => {
    let seed = 42;
    const random = (): number => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
    let aborted = 0;
    for (let run = 0; run < 2_000; run += 1) {
      let [good, bad] = [0, 0];
      for (let n = 0; n < 400; n += 1) {
        if (random() < 0.01) bad += 1;
        else good += 1;
        const verdict = sequentialTest(good, bad, ERRORS_TEST);
        if (verdict === 'abort') aborted += 1;
        if (verdict !== 'undecided') break;
      }
    }
    expect(aborted / 2_000).toBeLessThan(0.02);
  });
});
