/** What spills over from an overloaded cluster: when, how much, to whom, and when it comes back. */
import { describe, expect, test } from 'vitest';
import type { SpillOrder } from '../../../src/domain/guard/commands.js';
import { explain } from '../../../src/domain/guard/explain.js';
import { judgeSpillRoom } from '../../../src/domain/guard/spill-room.js';
import { SPILL_LEASE_MS, SPILL_REFUSED_MS, SPILL_STEP_PCT } from '../../../src/domain/guard/spill.js';
import { OVERLOAD_DEFAULTS, SPILL_INTERVAL_MS, SPILL_STABILIZATION_MS } from '../../../src/domain/fleet.js';
import { viewOf } from '../../../src/domain/guard/view-of.js';
import type { PreflightFacts } from '../../../src/domain/plan/judge-preflight.js';
import { AWAY, HOME, me, MIN, Scene } from '../../kit/guard-scene.js';

/** A scene whose layer agrees to everything, or says why not. */
class Spilling extends Scene {
  refuses: Record<string, string> = {};

  /** Time passes, and the layer answers every order at once. */
  live(ms: number): this {
    const end = this.now + ms;
    this.answer();
    while (this.now < end) {
      this.pass(Math.min(1_000, end - this.now));
      this.answer();
    }
    return this;
  }

  answer(): this {
    for (let order = this.#take(); order !== undefined; order = this.#take()) {
      const { id, sharePct, to } = order;
      const why = order.prove === null ? undefined : this.refuses[to];
      if (why === undefined) this.hear({ kind: 'spill-held', id, sharePct });
      else this.hear({ kind: 'spill-refused', id, sharePct, why });
    }
    return this;
  }

  get orders(): SpillOrder[] {
    return this.commands.filter((c) => c.kind === 'spill');
  }

  get tales(): string[] {
    return this.commands.flatMap((c) => (c.kind === 'tell-spill' ? [`${c.ended ? 'ends' : 'begins'}: ${c.text}`] : []));
  }

  get share(): string {
    const { spill } = this.state;
    return spill === null ? 'none' : `${spill.sharePct} % ${spill.from}>${spill.to}`;
  }

  #answered = 0;
  #take(): SpillOrder | undefined {
    return this.orders[this.#answered++] ?? void this.#answered--;
  }
}

const overloaded = (change: ConstructorParameters<typeof Scene>[0] = {}): Spilling =>
  new Spilling(change).verdict('eu-a', 'overloaded') as Spilling;

describe('an overloaded cluster that carries traffic', () => {
  test('spills a first step to the first healthy member, which must prove itself; no move, no epoch, no weight', () => {
    const scene = overloaded();
    expect(scene.orders).toEqual([
      expect.objectContaining({ from: 'eu-a', to: 'us-b', sharePct: SPILL_STEP_PCT, epoch: 0, prove: { heldPct: 0 } }),
    ]);
    expect(scene.share).toBe('0 % eu-a>us-b');
    scene.answer();
    expect(scene.share).toBe('10 % eu-a>us-b');
    expect(scene.running).toBe('none');
    expect(scene.state).toMatchObject({ epoch: 0, intended: HOME, history: [] });
    expect(scene.tales).toEqual([
      expect.stringMatching(/^begins: spills 10 % of eu-a to us-b until .*, because eu-a is overloaded: http /u),
    ]);
  });

  test.each([
    ['just before the next look', SPILL_INTERVAL_MS - 1, 10],
    ['at the next look', SPILL_INTERVAL_MS, 20],
    ['at the one after it', 2 * SPILL_INTERVAL_MS, 30],
    ['never more than the most', 20 * SPILL_INTERVAL_MS, 30],
  ])('%s', (_name, ms, share) => {
    expect(overloaded().answer().pass(0).live(ms).share).toBe(`${share} % eu-a>us-b`);
  });

  test('a most that is no whole number of steps is kept', () => {
    expect(overloaded({ overload: { ...OVERLOAD_DEFAULTS, spillMaxPct: 15 } }).live(5 * MIN).share).toBe(
      '15 % eu-a>us-b',
    );
  });

  test('only more must be proved; what is held is renewed, at every look and for longer than one look', () => {
    const scene = overloaded().live(4 * SPILL_INTERVAL_MS);
    expect(scene.orders.map((o) => [o.sharePct, o.prove?.heldPct ?? null])).toEqual([
      [10, 0],
      [20, 10],
      [30, 20],
      [30, null],
      [30, null],
    ]);
    expect(SPILL_LEASE_MS).toBeGreaterThan(2 * SPILL_INTERVAL_MS);
    expect(scene.state.spill?.untilMs).toBe(scene.now + SPILL_LEASE_MS);
  });

  test.each([
    ['is in maintenance itself', (s: Scene) => s.hear(inMaintenance('eu-a'))],
    ['carries nothing', (s: Scene) => s.order('switchover', 'us-b').endMove('done', AWAY)],
  ])('that %s spills nothing', (_name, before) => {
    const scene = new Spilling();
    before(scene);
    scene.verdict('eu-a', 'overloaded');
    expect(scene.orders).toEqual([]);
  });
});

const inMaintenance = (cluster: string) =>
  ({ kind: 'maintenance', cluster, forMs: 60 * MIN, attribution: me }) as const;

describe('who takes it', () => {
  test.each([
    ['a member in maintenance does not', (s: Scene) => s.hear(inMaintenance('us-b'))],
    ['one that is not healthy does not', (s: Scene) => s.verdict('us-b', 'overloaded')],
    ['one that nobody knows does not', (s: Scene) => s.verdict('us-b', 'unknown')],
    ['one that healed a moment ago comes last', (s: Scene) => s.verdict('us-b', 'dead').verdict('us-b', 'healthy')],
  ])('%s', (_name, before) => {
    const scene = new Spilling();
    before(scene);
    scene.verdict('eu-a', 'overloaded');
    expect(scene.orders.map((o) => o.to)).toEqual(['ap-c']);
  });

  test('one that refuses gives way to the next, and is asked again after a while', () => {
    const scene = overloaded();
    scene.refuses = { 'us-b': 'us-b has no room', 'ap-c': 'ap-c has no room' };
    scene.answer();
    expect(scene.orders.map((o) => o.to)).toEqual(['us-b', 'ap-c']);
    expect(scene.why).toBe('no other cluster can help: us-b has no room, ap-c has no room');
    expect(scene.tales).toEqual([]);
    scene.live(SPILL_REFUSED_MS - 1);
    expect(scene.orders).toHaveLength(2);
    scene.refuses = {};
    expect(scene.live(1).share).toBe('10 % eu-a>us-b');
  });

  test('one that cannot take more keeps what it has', () => {
    const scene = overloaded().answer();
    scene.refuses = { 'us-b': 'us-b has no room' };
    scene.live(SPILL_INTERVAL_MS);
    expect(scene.orders.at(-1)).toMatchObject({ sharePct: 10, prove: null });
    expect(scene.share).toBe('10 % eu-a>us-b');
  });

  test('a layer that refuses everything is not asked without end', () => {
    const scene = overloaded().answer();
    for (const sharePct of [20, 10])
      scene.hear({ kind: 'spill-refused', id: scene.state.spill?.id ?? '', sharePct, why: 'stale epoch' });
    expect(scene.orders.map((o) => o.sharePct)).toEqual([10, 10]);
  });

  test('one that goes bad meanwhile is left at once, for another one', () => {
    const scene = overloaded().live(SPILL_INTERVAL_MS).verdict('us-b', 'degraded') as Spilling;
    expect(scene.orders.slice(-2).map((o) => [o.to, o.sharePct])).toEqual([
      ['us-b', 0],
      ['ap-c', 10],
    ]);
    expect(scene.tales.at(-1)).toBe('ends: eu-a spills nothing to us-b any more: us-b is degraded');
  });
});

describe('people hear', () => {
  test('that nobody can help, once in a while, however often the verdict comes and goes', () => {
    const scene = new Spilling().verdict('us-b', 'degraded').verdict('ap-c', 'dead');
    for (let i = 0; i < 10; i += 1) scene.verdict('eu-a', 'overloaded').pass(MIN).verdict('eu-a', 'healthy').pass(1);
    expect(scene.told('eu-a is overloaded')).toEqual(['chat: eu-a is overloaded, nothing is moved']);
    expect(scene.why).toBe('no other cluster can help: us-b is degraded, ap-c is dead');
    scene.pass(15 * MIN).verdict('eu-a', 'overloaded');
    expect(scene.told('eu-a is overloaded')).toHaveLength(2);
  });

  test('of the beginning and the end, not of the steps between', () => {
    const scene = overloaded()
      .live(10 * MIN)
      .verdict('eu-a', 'healthy') as Spilling;
    scene.live(10 * MIN);
    expect(scene.tales.map((text) => text.split(':')[0])).toEqual(['begins', 'ends']);
  });
});

describe('it comes back by itself', () => {
  test.each([
    ['not yet', SPILL_STABILIZATION_MS - 1, '30 % eu-a>us-b'],
    ['a step after a calm minute', SPILL_STABILIZATION_MS, '20 % eu-a>us-b'],
    ['another one after the next', 2 * SPILL_STABILIZATION_MS, '10 % eu-a>us-b'],
    ['and all of it at last', 3 * SPILL_STABILIZATION_MS, 'none'],
  ])('%s', (_name, ms, share) => {
    const scene = overloaded()
      .live(4 * SPILL_INTERVAL_MS)
      .verdict('eu-a', 'healthy') as Spilling;
    expect(scene.live(ms).share).toBe(share);
  });

  test('as soon as is configured: a step up each interval, a step down each calm time', () => {
    const overload = { ...OVERLOAD_DEFAULTS, spillIntervalMs: 2_000, spillStabilizationMs: 5_000 };
    const scene = new Spilling({ overload }).verdict('eu-a', 'overloaded').live(2_000) as Spilling;
    expect(scene.share).toBe('20 % eu-a>us-b');
    expect((scene.verdict('eu-a', 'healthy') as Spilling).live(4_000).share).toBe('20 % eu-a>us-b');
    expect(scene.live(2_000).share).toBe('10 % eu-a>us-b');
  });

  test('and grows again when it was too early', () => {
    const scene = overloaded()
      .live(4 * SPILL_INTERVAL_MS)
      .verdict('eu-a', 'healthy') as Spilling;
    scene.live(SPILL_STABILIZATION_MS).verdict('eu-a', 'overloaded');
    expect(scene.live(SPILL_INTERVAL_MS).share).toBe('30 % eu-a>us-b');
    expect(scene.tales).toHaveLength(1);
  });

  test('also when nobody knows any more how the cluster is', () => {
    const scene = overloaded().live(SPILL_INTERVAL_MS).verdict('eu-a', 'unknown') as Spilling;
    expect(scene.live(3 * MIN).share).toBe('none');
    expect(scene.tales.at(-1)).toBe('ends: eu-a spills nothing to us-b any more: eu-a is unknown again');
  });

  test('when the layer does not answer in time, and then it is asked anew', () => {
    const scene = overloaded().answer();
    const { id } = scene.state.spill ?? {};
    scene.pass(SPILL_LEASE_MS);
    expect(scene.state.spill?.id).not.toBe(id);
    expect(scene.tales.at(-1)).toMatch(/ends: .*the traffic layer did not answer in time/u);
  });
});

describe('it gives way', () => {
  test('to a failover, at once and without a word to the layer: the weights of the move end it', () => {
    const scene = overloaded().live(2 * SPILL_INTERVAL_MS);
    const before = scene.orders.length;
    scene.confirmed('eu-a', 'dead');
    expect(scene.running).toBe('failover eu-a>us-b');
    expect(scene.state.spill).toBeNull();
    expect(scene.orders).toHaveLength(before);
    expect(scene.tales.at(-1)).toContain('move/chat/1 leads the traffic now');
  });

  test('to an order of a person; while a move runs nothing begins', () => {
    const scene = overloaded().answer().order('switchover', 'ap-c') as Spilling;
    expect(scene.state.spill).toBeNull();
    scene.live(5 * MIN);
    expect(scene.orders).toHaveLength(1);
  });

  test.each([
    ['a freeze', { kind: 'freeze', forMs: MIN, attribution: me } as const, 'frozen by me'],
    ['maintenance of the overloaded one', inMaintenance('eu-a'), 'eu-a is in maintenance by me'],
  ])('to %s', (_name, event, why) => {
    const scene = overloaded().answer().hear(event) as Spilling;
    expect(scene.orders.at(-1)).toMatchObject({ sharePct: 0 });
    expect(scene.share).toBe('none');
    expect(scene.tales.at(-1)).toContain(why);
  });

  test.each([
    ['frozen', {}, true, 'frozen by me'],
    ['mode approve', { mode: 'approve' } as const, false, 'the mode is approve, and nobody is asked about a spill'],
    [
      'switched off',
      { overload: { ...OVERLOAD_DEFAULTS, spillMaxPct: 0 } },
      false,
      'spilling is off (overload.spillMax: 0)',
    ],
  ])('%s: it does not begin, and says why', (_name, change, frozen, why) => {
    const scene = new Spilling(change);
    if (frozen) scene.hear({ kind: 'freeze', forMs: 60 * MIN, attribution: me });
    scene.verdict('eu-a', 'overloaded');
    expect(scene.orders).toEqual([]);
    expect(scene.why).toContain(why);
    expect(scene.told('eu-a is overloaded')).toHaveLength(why.includes('off') ? 0 : 1);
  });
});

test('the view and the explanation say what spills over, and what would', () => {
  const scene = new Spilling();
  expect(explain(scene.state, scene.now)).toMatchObject({
    spill: null,
    clusters: [
      { ifOverloaded: '10 % and then more, 30 % at most, would spill over to us-b, as long as it has room' },
      { ifOverloaded: 'nothing would spill over: it carries no traffic' },
      { ifOverloaded: 'nothing would spill over: it carries no traffic' },
    ],
  });
  scene.verdict('eu-a', 'overloaded');
  expect(viewOf(scene.state).spill).toBeUndefined();
  scene.answer();
  expect(viewOf(scene.state).spill).toMatchObject({ from: 'eu-a', to: 'us-b', sharePct: 10 });
  expect(explain(scene.state, scene.now).spill).toMatch(/^spills 10 % of eu-a to us-b until /u);
  expect(explain(scene.state, scene.now).clusters[0]?.ifOverloaded).toBe('it spills over already');
});

describe('room', () => {
  const order: SpillOrder = {
    kind: 'spill',
    id: 'spill',
    epoch: 0,
    from: 'a',
    to: 'b',
    sharePct: 20,
    forMs: 1,
    prove: { heldPct: 10 },
  };
  const facts = (running: number | 'unknown', change: Partial<PreflightFacts> = {}): PreflightFacts => {
    const count = (inFlight: number | 'unknown') =>
      ({ inFlight, counters: 'unknown', drained: false, failingSinceMs: null, lastOkAtMs: null }) as const;
    const clusters = { a: count(100), b: count(running) };
    return {
      completion: { ok: true, why: '' },
      identity: 'm',
      expectedModel: 'm',
      layer: { service: 'chat', epoch: 0, intended: {}, effective: {}, changedAtMs: 0, clusters, callers: 'unknown' },
      demand: 100,
      capacity: 100,
      doubts: {},
      ...change,
    };
  };

  // 10 % more of 100 requests, twice that while caches are cold, beside those that run, in 80 % of 100.
  test.each([
    ['just enough', facts(60), null],
    ['one too many', facts(61), 'b has no room: 80 % of the 100 requests that it can run is the most'],
    ['not known', facts('unknown'), 'whether b has room is not known'],
    ['another model', facts(0, { identity: 'x' }), 'b serves x, the service needs m'],
    [
      'no completion',
      facts(0, { completion: { ok: false, why: 'reset' } }),
      'b gave no answer to a real completion: reset',
    ],
    ['in doubt', facts(0, { doubts: { b: { why: 'http: reset', isNew: true } } }), 'b is in doubt: http: reset'],
  ])('%s', (_name, seen, why) => {
    expect(judgeSpillRoom(seen, order)).toBe(why);
  });
});
