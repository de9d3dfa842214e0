/** Orders that a workflow keeps: what Temporal would not take is refused before it is kept, or no task succeeds any more. */
import { expect, test } from 'vitest';
import { faultOfOrder } from '../../src/workflows/cluster-order.js';
import { faultOfGuardOrder } from '../../src/workflows/guard-order.js';
import { clusterSpec, serviceSpec } from '../kit/fleet.js';

const A = clusterSpec('a');
const SERVICE = serviceSpec({ name: 'chat', members: [{ cluster: 'a', role: 'primary' }] });
const long = (chars: number): string => 'x'.repeat(chars);

const ofCluster = (change: object, more: object = {}): string | null =>
  faultOfOrder({ spec: { ...A, ...change }, vantages: ['eu'], services: ['chat'], ...more }, 'a');
const ofGuard = (change: object, more: object = {}): string | null =>
  faultOfGuardOrder({ spec: { ...SERVICE, ...more }, clusters: [{ ...A, ...change }] }, 'chat');

test.each<[string, object, boolean]>([
  ['as it is', {}, true],
  ['a region as long as may be', { region: long(255) }, true],
  ['a longer one', { region: long(256) }, false],
  ['an address as long as may be', { url: `http://${long(2_041)}` }, true],
  ['a longer one', { url: `http://${long(2_042)}` }, false],
  ['a model of 70,000 characters', { model: long(70_000) }, false],
  ['much in a field that nobody knows', { more: long(1_000_000) }, false],
])('%s', (_name, change, isTaken) => {
  expect(ofCluster(change) === null).toBe(isTaken);
  expect(ofGuard(change) === null).toBe(isTaken);
});

test.each([
  ['many vantages', { vantages: Array.from({ length: 50_000 }, (_, i) => `v${i}`) }],
  ['many services', { services: Array.from({ length: 50_000 }, (_, i) => `s${i}`) }],
])('a cluster with %s', (_name, more) => expect(ofCluster({}, more)).toMatch(/^at most \d+ characters/));

test('a service with much in a field that nobody knows', () =>
  expect(ofGuard({}, { more: long(1_000_000) })).toMatch(/^at most \d+ characters/));
