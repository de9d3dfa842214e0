import { expect, test } from 'vitest';
import { judgeStep, type StepEvidence } from '../../../src/domain/plan/judge-step.js';
import type { StepGate } from '../../../src/domain/plan/types.js';

const planned: StepGate = { bakeMs: 2_000, deadlineMs: 60_000, undecided: 'ask', slowFirstTokenMs: 5_000 };
const emergency: StepGate = { bakeMs: 0, deadlineMs: 3_000, undecided: 'proceed', slowFirstTokenMs: null };
const well: StepEvidence = {
  elapsedMs: 5_000,
  effective: true,
  ok: 100,
  errors: 0,
  cut: 0,
  slow: 0,
  synthetic: 10,
  lastError: null,
};

test.each<[string, Partial<StepEvidence>, StepGate, string]>([
  ['all good', {}, planned, 'proceed'],
  ['all good, but the bake is not over', { elapsedMs: 1_999 }, planned, 'wait'],
  ['the bake is just over', { elapsedMs: 2_000 }, planned, 'proceed'],
  ['35 clean requests are too few', { ok: 35 }, planned, 'wait'],
  ['36 are enough', { ok: 36 }, planned, 'proceed'],
  ['three errors at once abort', { ok: 0, errors: 3 }, planned, 'abort'],
  ['cut streams count as errors', { ok: 0, cut: 3 }, planned, 'abort'],
  ['errors abort even before the bake is over', { elapsedMs: 10, ok: 2, errors: 4 }, planned, 'abort'],
  ['every second first token is slow', { slow: 50 }, planned, 'abort'],
  ['a few slow first tokens are a cold cache', { slow: 3 }, planned, 'proceed'],
  ['slowness does not matter in an emergency', { slow: 100 }, emergency, 'proceed'],
  ['weights that are not effective keep it waiting', { effective: false }, planned, 'wait'],
  ['weights that never became effective are a question', { effective: false, elapsedMs: 60_000 }, planned, 'ask'],
  ['too little traffic is a question at the deadline', { ok: 5, elapsedMs: 60_000 }, planned, 'ask'],
  ['an emergency waits until its deadline', { ok: 5, elapsedMs: 2_999 }, emergency, 'wait'],
  ['an emergency never waits longer', { ok: 5, elapsedMs: 3_000 }, emergency, 'proceed'],
  ['an emergency is aborted by errors too', { ok: 5, errors: 6, elapsedMs: 3_000 }, emergency, 'abort'],
])('%s', (_name, change, gate, verdict) => {
  expect(judgeStep({ ...well, ...change }, gate).kind).toBe(verdict);
});

test('the sentence names what was seen', () => {
  const verdict = judgeStep({ ...well, ok: 1, errors: 4, cut: 1, lastError: 'HTTP 500' }, planned);
  expect(verdict).toEqual({ kind: 'abort', because: '5 of 6 requests failed (1 cut); last: HTTP 500' });
});
