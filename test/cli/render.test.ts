import { expect, test } from 'vitest';
import { span, spokenTimes } from '../../src/cli/clock-words.js';
import { toldError, UsageError, exitOfMove } from '../../src/cli/exit.js';
import { renderHistory } from '../../src/cli/render-history.js';
import { renderStatus } from '../../src/cli/render-status.js';
import { CodedError } from '../../src/domain/errors.js';
import { MOVE_END_STATES, NO_REPORT, type MoveRecord } from '../../src/domain/move-record.js';

const AT = Date.parse('2026-01-01T12:00:10.000Z');
const move: MoveRecord = {
  id: 'move/chat/7',
  kind: 'failover',
  from: ['eu-a'],
  to: 'us-b',
  reason: 'eu-a is dead',
  by: 'understudy',
  via: 'auto',
  state: 'done',
  why: 'us-b serves all',
  endedBy: null,
  startedAt: '2026-01-01T12:00:00.000Z',
  endedAt: '2026-01-01T12:00:04.000Z',
  steps: [
    {
      name: 'ramp 25 %',
      at: '2026-01-01T12:00:01.000Z',
      weights: { 'eu-a': 75, 'us-b': 25 },
      verdict: 'proceed',
      why: '48 requests',
    },
  ],
  report: {
    faultAt: '2026-01-01T11:59:56.000Z',
    detectedAt: '2026-01-01T12:00:00.000Z',
    firstShiftAt: '2026-01-01T12:00:00.200Z',
    shiftedAt: '2026-01-01T12:00:02.000Z',
    recoveredAt: '2026-01-01T12:00:00.500Z',
    requests: { total: 100, ok: 98, lost: 1, cut: 1, continued: 0, retried: 7 },
  },
  weights: { 'eu-a': 0, 'us-b': 100 },
};

test('a history tells who, why, each step and what callers noticed', () => {
  const text = renderHistory('chat', [move]);
  expect(text).toContain('failover eu-a → us-b  done after 4.0 s  move/chat/7');
  expect(text).toContain('by understudy (auto): eu-a is dead');
  expect(text).toContain('12:00:01.000  ramp 25 %  eu-a 75 %, us-b 25 %  proceed: 48 requests');
  expect(text).toContain(
    'detected after 4.0 s, first weight after 200 ms, all weight after 2.0 s, callers served again after 4.5 s',
  );
  expect(text).toContain('100 requests, 98 ok, 1 lost, 1 cut, 0 continued, 7 retried');
});

test('what is not known is not told as zero', () => {
  const text = renderHistory('chat', [{ ...move, report: NO_REPORT }]);
  expect(text).not.toMatch(/times:|0 lost/);
  expect(text).toContain('the data plane could not be asked');
});

test('a status shows the serving cluster, the move, its question and how to answer', () => {
  const cluster = { role: 'primary', evidence: [], intended: 75, inFlight: 3 } as const;
  const text = renderStatus(
    {
      services: [
        {
          name: 'chat',
          mode: 'approve',
          frozen: { by: 'ada', reason: 'upgrade', until: '2026-01-01T13:00:00.000Z' },
          epoch: 7,
          strategy: 'primary-standby',
          intended: { 'eu-a': 75, 'us-b': 25 },
          clusters: [
            {
              ...cluster,
              name: 'eu-a',
              verdict: 'degraded',
              since: '2026-01-01T12:00:00.000Z',
              effective: 75,
              unwatchedFrom: ['ap'],
              probes: {
                lastHour: { completions: 12, tokens: 190, capacityPct: 0.0213 },
                usedUpFrom: [{ vantage: 'eu', since: '2026-01-01T11:58:00.000Z' }],
                unknownFrom: ['ap'],
              },
            },
            {
              ...cluster,
              name: 'us-b',
              verdict: 'healthy',
              since: null,
              intended: 25,
              effective: null,
              inFlight: null,
            },
          ],
          move: {
            id: 'move/chat/7',
            kind: 'failover',
            from: ['eu-a'],
            to: 'us-b',
            step: 'ramp 25 %',
            state: 'asking',
            question: 'go on?',
            startedAt: '2026-01-01T12:00:00.000Z',
          },
          failback: null,
          whyNot: [],
        },
      ],
      unanswered: [{ name: 'other', why: 'no control worker answers' }],
      gatewayNote: null,
    },
    AT,
  );
  expect(text).toMatch(/▸ +eu-a +primary +degraded +10\.0 s +75 % +75 % +3/);
  expect(text).toMatch(/us-b +primary +healthy +- +25 % +- +-/);
  expect(text).toContain('frozen by ada until 13:00:00: upgrade');
  expect(text).toContain('no probe worker watches eu-a from ap: that vantage has no vote');
  expect(text).toContain('probes of eu-a: 12 completions, 190 tokens in the last hour, 0.02 % of its capacity; those');
  expect(text).toContain('eu-a: the budget of completions from eu is used up since 11:58:00');
  expect(text).not.toContain('probes of us-b');
  expect(text).toContain('question: go on?');
  expect(text).toContain('understudy approve chat');
  expect(text).toContain('other: no answer: no control worker answers');
});

test.each([
  [0, '0 ms'],
  [999, '999 ms'],
  [1_000, '1.0 s'],
  [59_900, '59.9 s'],
  [60_000, '1 min'],
  [185_000, '3 min 5 s'],
  [7_800_000, '2 h 10 min'],
  [273_600_000, '3 d 4 h'],
  [-5, '0 ms'],
])('%s ms is told as %s', (ms, words) => expect(span(ms)).toBe(words));

test.each([
  ['well since 2026-01-01T12:00:05.123Z, soak 60 s', 'well since 12:00:05, soak 60 s'],
  ['until 2026-01-02T12:00:05Z', 'until 2026-01-02 12:00:05'],
  ['no time at all', 'no time at all'],
])('%s is told as %s', (sentence, words) => expect(spokenTimes(sentence, AT)).toBe(words));

test('exit codes: 0 only for a move that is done', () => {
  expect(MOVE_END_STATES.map((state) => [state, exitOfMove(state)])).toEqual([
    ['done', 0],
    ['rolled-back', 1],
    ['held', 1],
    ['failed', 1],
    ['aborted', 1],
  ]);
});

test.each([
  [new UsageError('x'), 2],
  [new CodedError('already-moving', 'x'), 3],
  [new CodedError('no-worker', 'x'), 4],
  [new CodedError('stale-epoch', 'x'), 1],
  [new TypeError('x'), 70],
])('%s ends with %s', (error, exit) => expect(toldError(error).exit).toBe(exit));
