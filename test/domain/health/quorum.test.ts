import { expect, test } from 'vitest';
import { isNews } from '../../../src/domain/health/news.js';
import { combineVantages } from '../../../src/domain/health/quorum.js';
import type { VantageReport } from '../../../src/domain/health/types.js';
import { UNKNOWN_DIAGNOSIS, type Verdict } from '../../../src/domain/words.js';

const report = (verdict: Verdict, index: number): VantageReport => ({
  vantage: `v${index}`,
  diagnosis: {
    verdict,
    sinceMs: 5,
    evidence: [{ dimension: 'http', seen: `seen by ${index}`, threshold: '3', sinceMs: 10 - index, by: `v${index}` }],
  },
  atMs: 5,
  lastGenerationOkAtMs: null,
});
const combine = (...verdicts: readonly Verdict[]) => combineVantages(verdicts.map(report), UNKNOWN_DIAGNOSIS, 100);

test.each<[readonly Verdict[], Verdict]>([
  [[], 'unknown'],
  [['unknown', 'unknown'], 'unknown'],
  [['dead'], 'dead'],
  [['unknown', 'dead'], 'dead'],
  [['dead', 'healthy'], 'unreachable'],
  [['dead', 'dead', 'healthy'], 'dead'],
  [['dead', 'healthy', 'healthy'], 'healthy'],
  [['unreachable', 'healthy', 'healthy'], 'healthy'],
  [['unreachable', 'unreachable', 'healthy'], 'unreachable'],
  [['dead', 'stuck', 'stuck'], 'stuck'],
  [['dead', 'stuck', 'healthy'], 'dead'],
  [['dead', 'degraded'], 'dead'],
  [['starting', 'healthy'], 'starting'],
  [['overloaded', 'healthy', 'healthy'], 'healthy'],
  [['dead', 'dead', 'healthy', 'healthy'], 'unreachable'],
])('%j are %s', (verdicts, expected) => expect(combine(...verdicts).verdict).toBe(expected));

test('evidence comes from those who agree, one line a dimension, the earliest, signed by all', () => {
  expect(combine('dead', 'dead', 'healthy').evidence).toEqual([
    { dimension: 'http', seen: 'seen by 1', threshold: '3', sinceMs: 9, by: 'v1, v0' },
  ]);
  expect(combine('healthy', 'healthy').evidence).toEqual([]);
  expect(combine('dead', 'healthy').evidence.map((e) => e.by)).toEqual(['v0']);
});

test('a verdict that stays keeps its date', () => {
  const before = combine('dead');
  expect(before.sinceMs).toBe(100);
  expect(combineVantages([report('dead', 0)], before, 900).sinceMs).toBe(100);
  expect(combineVantages([report('healthy', 0)], before, 900).sinceMs).toBe(900);
});

test('vantages that nobody watches from are named, and that is news of its own', () => {
  const lost = (index: number): VantageReport => ({ ...report('unknown', index), lost: true });
  const seen = combineVantages([report('healthy', 0), report('healthy', 1)], UNKNOWN_DIAGNOSIS, 100);
  const blind = combineVantages([lost(2), report('healthy', 0), lost(1)], seen, 200);
  expect([blind.verdict, blind.sinceMs, blind.unwatchedFrom]).toEqual(['healthy', 100, ['v1', 'v2']]);
  expect([isNews(seen, blind), isNews(blind, blind), isNews(blind, seen)]).toEqual([true, false, true]);
  // One that has not said anything yet is not lost.
  expect(combineVantages([report('unknown', 0)], seen, 300)).not.toHaveProperty('unwatchedFrom');
});
