import { expect, test } from 'vitest';
import {
  ATTEMPT_FAILURES,
  costsRetryBudget,
  ejectsAtOnce,
  failureOfTransport,
  ownerOfStatus,
} from '../../src/domain/error-owner.js';

test.each([
  [200, 'none'],
  [302, 'none'],
  [399, 'none'],
  [400, 'client'],
  [401, 'client'],
  [408, 'client'],
  [413, 'client'],
  [428, 'client'],
  [429, 'quota'],
  [430, 'client'],
  [499, 'client'],
  [500, 'cluster'],
  [501, 'client'],
  [502, 'cluster'],
  [503, 'cluster'],
  [504, 'cluster'],
  [529, 'cluster'],
] as const)('HTTP %i is for %s to answer', (status, owner) => {
  expect(ownerOfStatus(status)).toBe(owner);
});

test.each([
  ['ECONNREFUSED', 'refused'],
  ['EHOSTUNREACH', 'refused'],
  ['ENOTFOUND', 'refused'],
  ['CONNECT_TIMEOUT', 'connect-timeout'],
  ['ETIMEDOUT', 'connect-timeout'],
  ['ECONNRESET', 'reset'],
  ['BAD_ANSWER', 'reset'],
  [undefined, 'reset'],
  ['new in some version', 'reset'],
] as const)('the transport’s %s is %s', (code, failure) => {
  expect(failureOfTransport(code)).toBe(failure);
});

test('only a lost connection leaves no work behind, and only a refused one needs no second witness', () => {
  expect(ATTEMPT_FAILURES.filter((f) => !costsRetryBudget(f))).toEqual(['refused', 'reset']);
  expect(ATTEMPT_FAILURES.filter(ejectsAtOnce)).toEqual(['refused']);
});
