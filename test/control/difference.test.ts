import { expect, test } from 'vitest';
import { difference } from '../../src/control/difference.js';

test('equal values differ nowhere, whatever the order of their keys', () => {
  expect(difference({ a: 1, b: { c: [1, 2] } }, { b: { c: [1, 2] }, a: 1 })).toEqual([]);
});

test('a changed, an added and a removed field are told with both values', () => {
  expect(difference({ a: 1, b: { c: 'x' } }, { b: { c: 'y', d: [1] } })).toEqual([
    { field: 'a', from: '1', to: null },
    { field: 'b.c', from: '"x"', to: '"y"' },
    { field: 'b.d', from: null, to: '[1]' },
  ]);
});

test('a check that is switched off is told as a whole', () => {
  expect(difference({ gpu: { path: '/g' } }, { gpu: null })).toEqual([
    { field: 'gpu', from: null, to: 'null' },
    { field: 'gpu.path', from: '"/g"', to: null },
  ]);
});

test('members are told by name, and a new order of priority is a change', () => {
  const [a, b, c] = [
    { cluster: 'a', role: 'x' },
    { cluster: 'b', role: 'x' },
    { cluster: 'c', role: 'x' },
  ];
  expect(difference({ members: [a, b] }, { members: [b, a] }).map((d) => d.field)).toEqual([
    'members[a].position',
    'members[b].position',
  ]);
  expect(difference({ members: [a] }, { members: [a, c] }).map((d) => d.field)).toEqual([
    'members[c].cluster',
    'members[c].position',
    'members[c].role',
  ]);
});

test('an emptied list is a change', () => {
  expect(difference({ services: ['chat'] }, { services: [] })).toEqual([
    { field: 'services', from: '["chat"]', to: '[]' },
  ]);
});
