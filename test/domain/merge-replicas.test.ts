import { describe, expect, test } from 'vitest';
import { countedBy } from '../../src/domain/counted-by.js';
import type { ErrorCode } from '../../src/domain/errors.js';
import { absentSentence, mergeReplicas, withAbsent, type ReplicaAnswer } from '../../src/domain/merge-replicas.js';
import type { TrafficState } from '../../src/domain/traffic.js';

function state(change: Partial<TrafficState> = {}): TrafficState {
  return {
    service: 'chat',
    epoch: 5,
    intended: { a: 0, b: 100 },
    effective: { a: 0, b: 100 },
    changedAtMs: 10,
    clusters: {
      a: { inFlight: 0, counters: 'unknown', drained: false, failingSinceMs: null, lastOkAtMs: null },
      b: { inFlight: 2, counters: 'unknown', drained: false, failingSinceMs: null, lastOkAtMs: null },
    },
    callers: 'unknown',
    ...change,
  };
}

const did = (name: string, change: Partial<TrafficState> = {}): ReplicaAnswer => ({ name, state: state(change) });
const failed = (name: string, code: ErrorCode): ReplicaAnswer => ({ name, code, why: `${name}: ${code}` });

function merged(...answers: readonly ReplicaAnswer[]): TrafficState {
  const answer = mergeReplicas(answers);
  if (answer.kind === 'failed') throw new Error(answer.why);
  return answer.state;
}

const standings = (...answers: readonly ReplicaAnswer[]): unknown =>
  merged(...answers).replicas?.map(({ standing }) => standing);

describe('one live replica that did it is enough', () => {
  test.each<[string, ReplicaAnswer, string, number | 'unknown']>([
    ['both did it', did('y'), 'holds', 4],
    ['one is not there', failed('y', 'layer-unreachable'), 'away', 'unknown'],
    ['one does not say whether it did it', failed('y', 'write-outcome-unknown'), 'away', 'unknown'],
    ['one refuses the token', failed('y', 'bad-config'), 'away', 'unknown'],
    ['one does not know the service: it runs nothing of it', failed('y', 'unknown-service'), 'behind', 2],
    ['one does not know a new cluster', failed('y', 'unknown-cluster'), 'behind', 'unknown'],
    ['one holds an older epoch', did('y', { epoch: 4 }), 'behind', 4],
    ['one holds other weights', did('y', { intended: { a: 100, b: 0 }, changedAtMs: 9 }), 'behind', 4],
  ])('%s', (_name, other, standing, running) => {
    expect(standings(did('x'), other)).toEqual(['holds', standing]);
    expect(standings(other, did('x'))).toEqual([standing, 'holds']);
    expect(merged(did('x'), other).clusters['b']?.inFlight).toBe(running);
  });
});

test('the live replica that is furthest behind is what is compared with', () => {
  expect(merged(did('x'), did('y', { epoch: 4, intended: { a: 100, b: 0 } }))).toMatchObject({
    epoch: 4,
    intended: { a: 100, b: 0 },
  });
  expect(merged(did('x'), did('y', { intended: { a: 50, b: 50 }, changedAtMs: 9 })).intended).toEqual({ a: 50, b: 50 });
  expect(merged(did('x'), failed('y', 'unknown-service'))).toMatchObject({ epoch: 0, intended: {} });
  expect(merged(did('x'), failed('y', 'layer-unreachable'))).toMatchObject({ epoch: 5, intended: { a: 0, b: 100 } });
});

test.each<[string, readonly ReplicaAnswer[], ErrorCode]>([
  ['a newer writer is obeyed wherever he was heard', [did('x'), failed('y', 'stale-epoch')], 'stale-epoch'],
  ['nobody is there', [failed('x', 'layer-unreachable'), failed('y', 'layer-unreachable')], 'layer-unreachable'],
  [
    'one may have done it',
    [failed('x', 'layer-unreachable'), failed('y', 'write-outcome-unknown')],
    'write-outcome-unknown',
  ],
  ['who is there refuses', [failed('x', 'layer-unreachable'), failed('y', 'bad-input')], 'bad-input'],
  ['nobody knows the service', [failed('x', 'unknown-service'), failed('y', 'unknown-service')], 'unknown-service'],
  ['no gateway at all', [], 'layer-unreachable'],
])('%s', (_name, answers, code) => {
  expect(mergeReplicas(answers)).toMatchObject({ kind: 'failed', code });
});

test('who is absent is named, and nobody when all are there', () => {
  expect(absentSentence(state())).toBeNull();
  expect(withAbsent('done', merged(did('x'), did('y')))).toBe('done');
  expect(withAbsent('done', merged(did('x'), failed('y', 'layer-unreachable')))).toBe(
    'done; not on gateway y (y: layer-unreachable)',
  );
  expect(absentSentence(merged(did('x'), did('y', { epoch: 4 })))).toBe(
    'not on gateway y (it holds epoch 4, others 5)',
  );
});

test.each([
  ['p', 'p', 'same'],
  ['p+q', 'p+q', 'same'],
  ['p', 'q', 'anew'],
  ['p+q', 'r+s', 'anew'],
  ['p+q', 'p', 'mixed'],
  ['p', 'p+q', 'mixed'],
  ['p+q', 'p+r', 'mixed'],
] as const)('counts of %s, then of %s: %s', (before, after, kind) => {
  expect(countedBy(before, after)).toBe(kind);
});
