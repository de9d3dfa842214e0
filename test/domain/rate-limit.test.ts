import { describe, expect, test } from 'vitest';
import { filled, fullBucket, fullInMs, spanWords, spent, waitMs } from '../../src/domain/rate-limit.js';

describe('a bucket of 60 a minute', () => {
  const at = (level: number, nowMs = 0): { level: number; atMs: number } => ({ level, atMs: nowMs });

  test.each<[string, number, number]>([
    ['full, one fits', 60, 0],
    ['with exactly one left, it fits', 1, 0],
    ['with a little less than one, what is missing is waited for', 0.5, 500],
    ['empty, one a second comes', 0, 1_000],
    ['in debt, the debt is paid first', -9, 10_000],
  ])('%s', (_name, level, expected) => expect(waitMs(at(level), 60)).toBe(expected));

  test.each<[string, number, number, number]>([
    ['nothing passed', 10, 0, 10],
    ['half a second', 10, 500, 10.5],
    ['up to its room and not beyond', 59, 2_000, 60],
    ['a clock that stands still or goes back adds nothing', 10, -5_000, 10],
  ])('fills evenly: %s', (_name, level, nowMs, expected) => expect(filled(at(level), 60, nowMs).level).toBe(expected));

  test('a limit that was lowered holds at once', () => expect(filled(at(60), 5, 0).level).toBe(5));
  test('a cost is taken once', () => expect(spent(fullBucket(60, 7), 61)).toEqual({ level: -1, atMs: 7 }));
  test('says when it is full', () => expect(fullInMs(at(59), 60)).toBe(1_000));
});

test('a share of less than one a minute still lets one through, and then a long time none', () => {
  const bucket = fullBucket(0.5, 0);
  expect(waitMs(bucket, 0.5)).toBe(0);
  expect(waitMs(spent(bucket, 1), 0.5)).toBe(120_000);
});

test.each<[number, string]>([
  [0, '0ms'],
  [119.2, '120ms'],
  [999, '999ms'],
  [1_000, '1s'],
  [1_451, '1.5s'],
  [59_999, '60s'],
  [60_000, '1m0s'],
  [361_000, '6m1s'],
])('%d ms are %s', (ms, words) => expect(spanWords(ms)).toBe(words));
