/** What a cluster tells callers of waiting is cut to a sane length, on whatever way it reaches them. */
import { afterEach, describe, expect, test } from 'vitest';
import { advised } from '../../src/gateway/request/advised-wait.js';
import { gateway, service, stopAll, upstream } from './kit.js';
import type { Behaviour } from './upstream.js';

afterEach(stopAll);

const NOW = Date.parse('2026-01-01T00:00:00Z');

test.each<[string, string, string | null]>([
  ['retry-after', '0', '0'],
  ['retry-after', '30', '30'],
  ['retry-after', '1.5', '1.5'],
  ['retry-after', '3600', '3600'],
  ['retry-after', '3601', '3600'],
  ['retry-after', '99999999999999999999', '3600'],
  ['retry-after', '1e308', null],
  ['retry-after', 'Infinity', null],
  ['retry-after', 'nan', null],
  ['retry-after', '-1', null],
  ['retry-after', '0x7fffffff', null],
  ['retry-after', '', null],
  ['retry-after', '5, 9', null],
  ['retry-after', '9'.repeat(10_000), null],
  ['retry-after', 'Thu, 01 Jan 2026 00:00:10 GMT', '10'],
  ['retry-after', 'Fri, 31 Dec 9999 23:59:59 GMT', '3600'],
  ['retry-after', 'Thu, 01 Jan 1970 00:00:00 GMT', '0'],
  ['retry-after', 'Thursday, 01-Jan-26 00:00:10 GMT', '10'],
  ['retry-after', 'Sun, 99 Foo 99999999 99:99:99', null],
  ['retry-after', 'soon', null],
  ['retry-after-ms', '250', '250'],
  ['retry-after-ms', '1e308', null],
  ['retry-after-ms', '99999999999', '3600000'],
  ['x-ratelimit-limit-requests', '10000', '10000'],
  ['x-ratelimit-remaining-tokens', '0', '0'],
  ['x-ratelimit-remaining-tokens', '-5', null],
  ['x-ratelimit-remaining-tokens', 'NaN', null],
  ['x-ratelimit-remaining-tokens', '1e308', null],
  ['x-ratelimit-remaining-tokens', '9'.repeat(400), null],
  ['x-ratelimit-reset-requests', '6m0s', '6m0s'],
  ['x-ratelimit-reset-requests', '120ms', '120ms'],
  ['x-ratelimit-reset-requests', '999999999h', '3600s'],
  ['x-ratelimit-reset-tokens', '2d', '3600s'],
  ['x-ratelimit-reset', '1767225600', '1767225600'],
])('%s: %s', (name, value, told) => expect(advised(name, value, NOW)).toBe(told));

const HEADERS = { 'retry-after': '99999999999', 'retry-after-ms': '1e308', 'x-ratelimit-reset-tokens': '900000000h' };
const says =
  (status: number, body: string, type = 'application/json'): Behaviour =>
  (_request, res) => {
    res.writeHead(status, { 'content-type': type, ...HEADERS });
    res.end(body);
  };

describe('reaches no caller', () => {
  test.each<[string, Behaviour]>([
    ['with a quota', says(429, '{"error":{"message":"x"}}')],
    ['with an error that is passed on', says(499, '{"error":{"message":"x"}}')],
    ['with the last cluster’s failure', says(503, '{"error":{"message":"x"}}')],
    ['with an answer', says(200, '{"choices":[]}')],
    ['with anything else', says(200, 'x', 'audio/mpeg')],
  ])('%s', async (_name, behaviour) => {
    const a = await upstream(behaviour);
    const lab = await gateway([service({ a: a.url }, { a: 100 })]);
    const { headers } = await lab.chat();
    expect(Number(headers.get('retry-after') ?? 0)).toBeLessThanOrEqual(3_600);
    expect(headers.get('retry-after-ms')).toBeNull();
    expect(headers.get('x-ratelimit-reset-tokens') ?? '3600s').toBe('3600s');
  });
});
