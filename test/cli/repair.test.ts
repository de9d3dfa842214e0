import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import type { Repaired } from '../../src/control/repair.js';
import { renderRepaired, repairCommand } from '../../src/cli/verbs/repair.js';

const NOW = Date.parse('2026-01-01T10:00:00.000Z');
const lease = { by: 'ada', reason: 'load test', until: '2026-01-01T12:00:00.000Z' };
const repaired: Repaired = {
  service: 'chat',
  done: true,
  why: 'Nondeterminism error',
  ended: 'r1',
  begun: 'r2',
  carried: { moves: 3, lastMove: 'move/chat/7', frozen: lease, maintenance: [{ cluster: 'eu-a', ...lease }] },
  untouched: ['the weights'],
};

test('what was done, what was carried and what was left untouched is said', () => {
  expect(stripVTControlCharacters(renderRepaired(repaired, NOW)).split('\n')).toEqual([
    'chat: its guard was begun anew',
    '  because:   Nondeterminism error',
    '  carried:   3 moves (the last one move/chat/7)',
    '             frozen by ada until 12:00:00: load test',
    '             eu-a in maintenance by ada until 12:00:00: load test',
    '  untouched: the weights',
  ]);
});

test('that nothing was done is said first', () => {
  const [first] = stripVTControlCharacters(renderRepaired({ ...repaired, done: false, begun: null }, NOW)).split('\n');
  expect(first).toBe('chat: its guard would be begun anew (nothing was done)');
});

test('its help has examples', () => {
  let help = '';
  repairCommand()
    .configureOutput({ writeOut: (text) => (help += text) })
    .outputHelp();
  expect(help).toContain('understudy repair chat --dry-run');
});
