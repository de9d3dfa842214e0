import pc from 'picocolors';
import { describe, expect, test } from 'vitest';
import { changesBetween } from '../../../src/cli/dev/changes.js';
import { crop, renderView, type Picture } from '../../../src/cli/dev/view.js';
import type { ServiceStatus, StatusView } from '../../../src/control/status.js';

const cluster = {
  name: 'eu-a',
  role: 'primary',
  verdict: 'healthy',
  since: null,
  evidence: [],
  intended: 100,
  effective: 100,
  inFlight: 3,
} as const;
const standby = { ...cluster, name: 'us-b', role: 'standby', intended: 0, effective: 0, inFlight: 0 } as const;
const chat: ServiceStatus = {
  name: 'chat',
  mode: 'auto',
  frozen: null,
  epoch: 4,
  strategy: 'primary-standby',
  intended: { 'eu-a': 100, 'us-b': 0 },
  clusters: [cluster, standby],
  move: null,
  failback: null,
  whyNot: [],
};
const move = {
  id: 'move/chat/5',
  kind: 'failover',
  from: ['eu-a'],
  to: 'us-b',
  step: 'preflight',
  state: 'running',
  question: null,
  startedAt: '2026-01-01T00:00:00.000Z',
} as const;
const statusOf = (...services: ServiceStatus[]): StatusView => ({ services, unanswered: [], gatewayNote: null });

describe('changes', () => {
  test('the first look tells what is there', () => {
    expect(changesBetween(null, statusOf(chat))).toEqual([
      'chat: cluster eu-a is healthy',
      'chat: cluster us-b is healthy',
      'chat: weights eu-a 100 %, us-b 0 %',
    ]);
  });

  test('nothing new is nothing said', () => {
    expect(
      changesBetween(statusOf(chat), statusOf({ ...chat, clusters: [{ ...cluster, inFlight: 9 }, standby] })),
    ).toEqual([]);
  });

  test.each<[string, Partial<ServiceStatus>, Partial<ServiceStatus>, string[]]>([
    [
      'a verdict, with its evidence',
      {},
      {
        clusters: [
          {
            ...cluster,
            verdict: 'dead',
            evidence: ['http: connection refused, 3 in a row (limit: 3 failures in a row; seen by local)'],
          },
          standby,
        ],
      },
      ['chat: cluster eu-a is dead, was healthy: http: connection refused, 3 in a row'],
    ],
    [
      'weights that hold',
      {},
      {
        clusters: [
          { ...cluster, effective: 75 },
          { ...standby, effective: 25 },
        ],
      },
      ['chat: weights eu-a 75 %, us-b 25 %'],
    ],
    [
      'intended weights while the gateway is silent',
      {},
      { clusters: [{ ...cluster, intended: 0, effective: null }, standby] },
      ['chat: weights eu-a 0 %, us-b 0 %'],
    ],
    [
      'weights that the gateway changed by itself',
      {},
      {
        clusters: [
          { ...cluster, effective: 0 },
          { ...standby, effective: 100 },
        ],
      },
      ['chat: weights eu-a 0 %, us-b 100 % (the gateway’s own doing)'],
    ],
    ['a move that begins', {}, { move }, ['chat: failover eu-a → us-b began: preflight']],
    [
      'its next step',
      { move },
      { move: { ...move, step: 'ramp 25 %' } },
      ['chat: failover eu-a → us-b: ramp 25 % (running)'],
    ],
    ['its end', { move }, { move: null }, ['chat: failover ended: eu-a 100 % (`understudy history chat`)']],
    [
      'a question',
      { move },
      { move: { ...move, question: 'Go on?' } },
      ['chat: Go on? (`understudy approve chat` or `decline`)'],
    ],
  ])('%s', (_what, before, after, said) => {
    expect(changesBetween(statusOf({ ...chat, ...before }), statusOf({ ...chat, ...after }))).toEqual(said);
  });
});

describe('the picture', () => {
  const picture: Picture = {
    services: [{ ...chat, move: { ...move, step: 'ramp 25 %' } }],
    nowMs: Date.parse('2026-01-01T00:00:30.000Z'),
    notes: [],
    processes: [{ name: 'gateway', state: 'running' }],
    events: Array.from({ length: 50 }, (_, i) => ({ at: '10:00:00', text: `event ${i}` })),
    urls: [{ what: 'Gateway', url: 'http://127.0.0.1:4401/v1' }],
    tips: ['npx understudy status'],
  };
  const paper = { columns: 100, rows: 30, colors: pc.createColors(false) };

  test('shows clusters with verdicts, weights and work in flight, the move and its step, URLs and tips', () => {
    const text = renderView(picture, paper).join('\n');
    expect(text).toMatch(/eu-a +primary +healthy +100 % +100 % +3/);
    expect(text).toContain('failover eu-a → us-b: ramp 25 % (running)');
    expect(text).toContain('http://127.0.0.1:4401/v1');
    expect(text).toContain('npx understudy status');
    expect(text).toContain('event 49');
  });

  test.each([
    [100, 30],
    [40, 24],
    [20, 8],
  ])('fits a terminal of %i columns and %i rows', (columns, rows) => {
    const lines = renderView(picture, { ...paper, columns, rows });
    expect(lines.length).toBeLessThanOrEqual(rows);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
  });

  test('events give way first: the tips stay while there is room for three events', () => {
    const lines = renderView(picture, { ...paper, rows: 20 });
    expect(lines.at(-1)).toContain('npx understudy status');
  });

  test('an unknown effective weight is a question mark, never zero', () => {
    const unknown = { ...chat, clusters: [{ ...cluster, effective: null, inFlight: null }] };
    expect(renderView({ ...picture, services: [unknown] }, paper).join('\n')).toMatch(
      /eu-a +primary +healthy +100 % +\? +\?/,
    );
  });

  test('evidence has a line of its own, without its limit', () => {
    const evidence = ['http: refused, 4 in a row (limit: 3 failures in a row; seen by local)', 'gpu: lost (limit: x)'];
    const dead = { ...chat, clusters: [{ ...cluster, verdict: 'dead' as const, evidence }] };
    expect(renderView({ ...picture, services: [dead] }, paper)).toContain(
      '  eu-a: http: refused, 4 in a row; gpu: lost',
    );
  });

  test('a cluster that the gateway leaves out by itself is named while no move runs', () => {
    const ejected = [
      { ...cluster, effective: 0 },
      { ...standby, effective: 100 },
    ];
    const text = (service: ServiceStatus): string => renderView({ ...picture, services: [service] }, paper).join('\n');
    expect(text({ ...chat, clusters: ejected })).toContain('the gateway leaves eu-a out by itself');
    expect(text({ ...chat, clusters: ejected, move })).not.toContain('by itself');
  });

  test('a question shows how to answer it, and its times as people read them', () => {
    const asking = { ...chat, move: { ...move, question: 'Home? eu-a well since 2026-01-01T00:00:10.000Z' } };
    const text = renderView({ ...picture, services: [asking] }, paper).join('\n');
    expect(text).toContain('? Home? eu-a well since 00:00:10');
    expect(text).toContain('npx understudy approve chat');
  });

  test('a process that is away is named, and a reason for missing facts is shown', () => {
    const away = {
      ...picture,
      processes: [{ name: 'gateway', state: 'restarting' }],
      notes: ['the gateway does not answer'],
    };
    const text = renderView(away, paper).join('\n');
    expect(text).toContain('gateway: restarting');
    expect(text).toContain('! the gateway does not answer');
  });

  test('colours take no room and always end', () => {
    const { red } = pc.createColors(true);
    expect(crop(red('abcdef'), 3)).toBe(red('abc'));
  });
});
