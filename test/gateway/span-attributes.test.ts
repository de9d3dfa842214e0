/** What spans say, as far as it is decided without a gateway. */
import { expect, test } from 'vitest';
import { attemptEndAttributes, operationOf } from '../../src/gateway/account/span-attributes.js';

test.each([
  ['/v1/chat/completions', 'chat'],
  ['/v1/responses', 'chat'],
  ['/v1/completions?x=1', 'text_completion'],
  ['/chat/v1/embeddings', 'embeddings'],
  ['/v1/models', undefined],
  ['/v1/responses/resp_1', undefined],
])('the operation of %s is %s', (path, operation) => {
  expect(operationOf(path)).toBe(operation);
});

test.each([
  ['ok', 200, undefined],
  ['handed-over', 200, undefined],
  ['cut', 200, 'cut'],
  ['refused', null, 'refused'],
  ['gone', null, 'gone'],
] as const)('an attempt that ended %s', (outcome, status, error) => {
  expect(attemptEndAttributes(outcome, status)).toEqual({
    'http.response.status_code': status ?? undefined,
    'error.type': error,
  });
});
