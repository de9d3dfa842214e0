/** Orders for faults, and what they want of the serving process. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { desiredProcess } from '../../src/simulator/desired-process.js';
import { FAULT_KINDS, FAULTS, type ActiveFault } from '../../src/simulator/faults.js';
import { parseFaultOrder } from '../../src/simulator/fault-order.js';

describe('an order for a fault', () => {
  test('is completed with the defaults', () => {
    expect(parseFaultOrder({ kind: 'errors', share: 0.5, durationMs: 1_000 })).toEqual({
      fault: { kind: 'errors', params: { share: 0.5, as: 'status', status: 500 } },
      durationMs: 1_000,
    });
    expect(parseFaultOrder({ kind: 'blackhole' }).fault.kind).toBe('freeze');
  });

  test.each<[string, unknown, string]>([
    ['an unknown kind', { kind: 'meteor' }, 'unknown fault "meteor"; the kinds are crash, freeze'],
    ['a name of Object', { kind: 'constructor' }, 'unknown fault'],
    ['no kind', {}, 'unknown fault undefined'],
    ['not an object', 'crash', 'JSON object'],
    ['an unknown parameter', { kind: 'crash', share: 1 }, 'crash has no parameter "share"; it has none'],
    ['a share over 1', { kind: 'errors', share: 1.1 }, 'errors.share must be a number from 0 to 1, found 1.1'],
    ['a share in words', { kind: 'errors', share: 'half' }, 'found "half"'],
    ['an unknown way', { kind: 'cut-streams', as: 'gently' }, 'one of reset, error-event, abort, bare-end'],
    ['no duration at all', { kind: 'crash', durationMs: 0 }, 'durationMs must be over 0'],
    ['a duration without end', { kind: 'crash', durationMs: Infinity }, 'durationMs'],
  ])('%s is refused with what was expected', (_name, order, message) => {
    expect(() => parseFaultOrder(order)).toThrow(message);
  });
});

describe('what the faults want of the process', () => {
  const active = (kind: string, params: Record<string, unknown> = {}): ActiveFault => ({
    ...parseFaultOrder({ kind, ...params }).fault,
    startedAtMs: 1_000,
    endsAtMs: null,
  });
  test.each<[string, ActiveFault[], number, { up: boolean; frozen: boolean; changesAtMs: number | null }]>([
    ['nothing', [], 5, { up: true, frozen: false, changesAtMs: null }],
    ['an inner fault', [active('hang')], 5, { up: true, frozen: false, changesAtMs: null }],
    ['a crash', [active('crash')], 5, { up: false, frozen: false, changesAtMs: null }],
    ['a freeze', [active('freeze')], 5, { up: true, frozen: true, changesAtMs: null }],
    [
      'a crash is stronger than a freeze',
      [active('freeze'), active('crash')],
      5,
      { up: false, frozen: false, changesAtMs: null },
    ],
    [
      'flap, first half',
      [active('flap', { periodMs: 1_000 })],
      1_499,
      { up: false, frozen: false, changesAtMs: 1_500 },
    ],
    [
      'flap, second half',
      [active('flap', { periodMs: 1_000 })],
      1_500,
      { up: true, frozen: false, changesAtMs: 2_000 },
    ],
    [
      'flap, second round',
      [active('flap', { periodMs: 1_000 })],
      2_000,
      { up: false, frozen: false, changesAtMs: 2_500 },
    ],
    ['cold, refusing', [active('cold', { refusedMs: 300 })], 1_299, { up: false, frozen: false, changesAtMs: 1_300 }],
    ['cold, loading', [active('cold', { refusedMs: 300 })], 1_300, { up: true, frozen: false, changesAtMs: null }],
    ['cold cache only', [active('cold', { loading: false })], 1_000, { up: true, frozen: false, changesAtMs: null }],
  ])('%s', (_name, faults, nowMs, wanted) => {
    expect(desiredProcess(faults, nowMs)).toEqual(wanted);
  });
});

test('docs/simulator.md has a row for every fault, with every parameter and its default, and no other row', () => {
  const page = readFileSync(new URL('../../docs/simulator.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `([a-z-]+)` \|(.*)$/gmu)];
  expect(rows.map(([, kind]) => kind).sort()).toEqual([...FAULT_KINDS].sort());
  for (const [, kind, row] of rows) {
    const params = FAULTS[kind as keyof typeof FAULTS].params;
    for (const [name, spec] of Object.entries(params))
      expect(row).toContain(`\`${name}\` ${spec.default === '' ? 'empty' : String(spec.default)}`);
  }
});
