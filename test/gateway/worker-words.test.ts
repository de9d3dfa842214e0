/** What a worker and its parent say to each other is read by its form: a process that says nonsense is not believed. */
import { expect, test } from 'vitest';
import { readCall, readWord } from '../../src/gateway/workers/messages.js';

const state = { service: 'chat', callers: {}, clusters: { a: { inFlight: 0, counters: {} } } };

test.each([
  { kind: 'hello' },
  { kind: 'answer', id: 1, answer: null },
  { kind: 'failure', id: 1, why: 'no', code: null },
  { kind: 'report', states: {} },
  { kind: 'report', states: { chat: state } },
  { kind: 'event', event: { event: 'cluster-ejected' } },
])('a word: %j', (said) => expect(readWord(said)).toBe(said));

test.each([
  undefined,
  null,
  'hello',
  7,
  [],
  {},
  { kind: 'toString' },
  { kind: { toString: 0 } },
  { kind: 'answer' },
  { kind: 'answer', id: { toString: 0 } },
  { kind: 'failure', id: 1, why: { toString: 0 } },
  { kind: 'report' },
  { kind: 'report', states: null },
  { kind: 'report', states: [] },
  { kind: 'report', states: { chat: null } },
  { kind: 'report', states: { chat: { ...state, clusters: { a: null } } } },
  { kind: 'report', states: { chat: { ...state, callers: 0 } } },
  { kind: 'event', event: 'text' },
  { kind: 'event' },
])('no word: %j', (said) => expect(readWord(said)).toBeNull());

test.each([undefined, null, 'apply', [], {}, { id: 'x', name: 'apply' }])('no call: %j', (said) =>
  expect(readCall(said)).toBeNull(),
);
