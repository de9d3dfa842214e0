/** The rules of the reducers, one story a test, with rows on both sides of each limit. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ClusterSpec } from '../../../src/domain/fleet.js';
import { doubtOf } from '../../../src/domain/health/doubt.js';
import { probeDefaults } from '../../../src/domain/health/probe-defaults.js';
import type { MetricsSeen, PassiveSeen, TickSeen } from '../../../src/domain/health/types.js';
import { beginVantage, observe, reportVantage, type VantageHealth } from '../../../src/domain/health/vantage.js';
import { wantsFreshTry, wantsGeneration } from '../../../src/domain/health/wants.js';
import { VERDICTS, type Verdict } from '../../../src/domain/words.js';
import { runs } from '../../kit/runs.js';

const INTERVAL_MS = 2_000;
const CLUSTER: ClusterSpec = {
  name: 'eu-a',
  url: 'http://127.0.0.1:1',
  region: 'eu',
  engine: 'vllm',
  model: 'm',
  capacity: { concurrency: 256 },
  probes: probeDefaults('vllm'),
  health: { intervalMs: INTERVAL_MS, fall: 3, rise: 5, gray: { failures: 5, of: 10 } },
};
const GENERIC: ClusterSpec = { ...CLUSTER, engine: 'generic', probes: probeDefaults('generic') };

type Seen = Partial<TickSeen>;
const WELL: Seen = { http: { status: 200, ms: 5 }, generation: { ok: true, ttft: 100, gap: 20, content: true } };
const REFUSED: Seen = { http: { error: 'refused', ms: 1 }, generation: null };
const TIMEOUT: Seen = { http: { error: 'timeout', ms: 1_000 }, generation: null };
const FRESH_REFUSED: Seen = { http: { error: 'refused', ms: 1, fresh: true } };
const FRESH_OK: Seen = { http: { status: 200, ms: 3, fresh: true } };
const passive = (change: Partial<PassiveSeen>): Seen => ({
  passive: { requests: 10, client: 0, quota: 0, cluster: 0, cut: 0, ttft95: 250, ...change },
});
const metrics = (change: Partial<MetricsSeen>): Seen => ({
  metrics: { age: 0, running: 0, waiting: 0, steps: 1, tokens: 1, kv: 0.1, preemptions: 0, ...change },
});

/** Plays ticks one interval apart (a fresh try half a second after the tick before it) and keeps every state. */
class Play {
  atMs = 1_000_000;
  health: VantageHealth = beginVantage(this.atMs);
  readonly verdicts: Verdict[] = [];

  constructor(readonly cluster: ClusterSpec = CLUSTER) {}

  tick(...seen: readonly Seen[]): this {
    for (const one of seen) {
      const fresh = one.http?.fresh === true;
      if (!fresh) this.atMs += INTERVAL_MS;
      const self = one.self ?? { lag: 1, late: 0, control: true };
      this.health = observe(this.health, { ...one, self, atMs: this.atMs + (fresh ? 500 : 0) }, this.cluster);
      this.verdicts.push(this.health.verdict);
    }
    return this;
  }

  times(count: number, seen: Seen | ((n: number) => Seen)): this {
    for (let n = 0; n < count; n++) this.tick(typeof seen === 'function' ? seen(n) : seen);
    return this;
  }

  get verdict(): Verdict {
    return this.health.verdict;
  }
}

const healthy = (cluster = CLUSTER): Play => new Play(cluster).times(6, WELL);

describe('down', () => {
  test.each<[string, readonly Seen[], Verdict]>([
    ['two timeouts in a row', [TIMEOUT, TIMEOUT], 'healthy'],
    ['three timeouts in a row', [TIMEOUT, TIMEOUT, TIMEOUT], 'dead'],
    [
      'a timeout at the fresh try does not count',
      [TIMEOUT, { http: { error: 'timeout', ms: 500, fresh: true } }, TIMEOUT],
      'healthy',
    ],
    ['a refusal at the fresh try counts', [REFUSED, FRESH_REFUSED, REFUSED], 'dead'],
    ['a success at the fresh try clears the doubt', [REFUSED, FRESH_OK, REFUSED, REFUSED], 'healthy'],
    ['a success between', [TIMEOUT, TIMEOUT, WELL, TIMEOUT, TIMEOUT], 'healthy'],
    [
      'refused to callers too: one interval is enough',
      [{ ...REFUSED, ...passive({ cluster: 10 }) }, FRESH_REFUSED],
      'dead',
    ],
    [
      'refused to us, while some callers are served',
      [{ ...REFUSED, ...passive({ cluster: 2 }) }, FRESH_REFUSED],
      'healthy',
    ],
    [
      'status 500 three times',
      [500, 500, 500].map((status) => ({ http: { status, ms: 3 }, generation: null })),
      'dead',
    ],
    ['status 401 says nothing', [401, 401, 401, 401].map((status) => ({ http: { status, ms: 3 } })), 'healthy'],
    ['status 429 says nothing', [429, 429, 429, 429].map((status) => ({ http: { status, ms: 3 } })), 'healthy'],
  ])('%s', (_name, seen, verdict) => expect(healthy().tick(...seen).verdict).toBe(verdict));

  test('a crash soon after a blip is a crash: completions between the two prove nothing', () => {
    const play = new Play().times(3, WELL).tick(TIMEOUT).times(4, WELL).tick(REFUSED, FRESH_REFUSED, REFUSED);
    expect(play.health.verdict).toBe('dead');
  });

  test('five of the last ten, never three in a row, are degraded', () => {
    const play = healthy();
    const answers = { ...WELL, generation: null };
    play.tick(TIMEOUT, answers, TIMEOUT, answers, TIMEOUT, answers, TIMEOUT, answers);
    expect(play.verdict).toBe('healthy');
    expect(play.tick(TIMEOUT).verdict).toBe('degraded');
  });

  test('scattered silence that completions contradict takes seven of the last ten', () => {
    const flaky = { ...TIMEOUT, generation: { ok: true, ttft: 100, gap: 10 } };
    const play = healthy().tick(WELL, flaky, flaky, WELL, flaky, flaky, WELL, flaky, flaky);
    expect(play.verdict).toBe('healthy');
    expect(play.tick(flaky).verdict).toBe('degraded');
  });

  test('health 200 never proves health: completions that stand still are stuck', () => {
    const hung = { ...WELL, generation: { ok: false, error: 'timeout' } };
    expect(healthy().times(4, hung).verdict).toBe('stuck');
    expect(healthy().times(3, hung).verdict).toBe('healthy');
  });

  test('completions alone take one failure more than with callers who fail too', () => {
    const failing = { ...WELL, generation: { ok: false, error: '500' } };
    expect(healthy().times(3, { ...failing, ...passive({ cluster: 20 }) }).verdict).not.toBe('healthy');
  });

  test('silence that explains a failed completion is not counted twice', () => {
    const blip = { ...TIMEOUT, generation: { ok: false, error: 'timeout' } };
    const play = healthy()
      .times(2, blip)
      .times(2, { ...WELL, generation: { ok: false, error: 'timeout' } });
    expect([play.verdict, play.health.dimensions.generation.failures]).toEqual(['healthy', 2]);
  });

  test('one more failure soon after a row that completions contradicted is no death', () => {
    const contradicted = { ...TIMEOUT, generation: { ok: true, ttft: 100, gap: 10 } };
    const play = healthy().times(3, contradicted).times(2, WELL).times(1, TIMEOUT);
    expect(play.verdict).toBe('healthy');
  });

  test('/health times out, completions come out: degraded when that lasts, not dead', () => {
    expect(healthy().times(5, { ...TIMEOUT, generation: { ok: true, ttft: 100, gap: 10 } }).verdict).toBe('healthy');
    expect(healthy().times(6, { ...TIMEOUT, generation: { ok: true, ttft: 100, gap: 10 } }).verdict).toBe('degraded');
  });

  test('completions answered with 500 are degraded, with 429 or 404 nothing', () => {
    expect(healthy().times(4, { ...WELL, generation: { ok: false, error: '500' } }).verdict).toBe('degraded');
    expect(healthy().times(9, { ...WELL, generation: { ok: false, error: '429' } }).verdict).toBe('healthy');
  });

  test('broken hardware cannot be contradicted by callers who are served', () => {
    const play = healthy().times(3, { ...WELL, ...passive({}), gpu: { healthy: false, xid: 79 } });
    expect(play.verdict).toBe('degraded');
    expect(play.health.evidence[0]?.seen).toContain('XID 79');
  });

  test('memory has a limit in the generic dialect only, and it is 95 %', () => {
    const full = (used: number): Seen => ({ http: { status: 200, ms: 5 }, memory: { used } });
    expect(healthy(GENERIC).times(3, full(0.949)).verdict).toBe('healthy');
    expect(healthy(GENERIC).times(3, full(0.95)).verdict).toBe('degraded');
    expect(healthy().times(9, { ...WELL, memory: { used: 1 } }).verdict).toBe('healthy');
  });

  test('slow is slower than 2 s', () => {
    const slow = (ms: number): Seen => ({ http: { status: 200, ms } });
    expect(healthy(GENERIC).times(3, slow(2_000)).verdict).toBe('healthy');
    expect(healthy(GENERIC).times(3, slow(2_001)).verdict).toBe('degraded');
  });
});

describe('progress', () => {
  const stands: Seen = { http: WELL.http ?? null, ...metrics({ running: 5, steps: 7 }) };
  test('a slow token counts when the last page shows no queue, though its completion ended between two ticks', () => {
    const late = (waiting: number | null): Verdict => {
      const play = healthy();
      for (let n = 1; n <= 3; n += 1)
        play
          .tick({ http: { status: 200, ms: 5 }, ...metrics({ waiting, steps: n + 1 }) })
          .tick({ generation: { ok: true, ttft: 2_001, gap: 20, content: true } });
      return play.verdict;
    };
    expect([late(0), late(1), late(null)]).toEqual(['degraded', 'healthy', 'healthy']);
  });

  test('a tick that comes a tenth of an interval early sees the standstill all the same', () => {
    const stands = (ms: number): Verdict => {
      const play = healthy()
        .tick(metrics({ running: 3, steps: 7 }))
        .times(4, metrics({ running: 3, steps: 7 }));
      play.atMs -= ms;
      return play.tick(metrics({ running: 3, steps: 7 })).verdict;
    };
    expect([stands(200), stands(201)]).toEqual(['stuck', 'healthy']);
  });

  test('work without a step is stuck after 10 s, not before', () => {
    expect(healthy().tick(stands).times(4, stands).verdict).toBe('healthy');
    expect(healthy().tick(stands).times(5, stands).verdict).toBe('stuck');
  });

  test('tokens stand still, steps go on: a long prefill is well', () => {
    expect(healthy().times(30, (n) => ({ ...WELL, ...metrics({ running: 5, steps: n, tokens: 9 }) })).verdict).toBe(
      'healthy',
    );
  });

  test('waiting without anything running is stuck, even without a step counter', () => {
    const gone: Seen = { http: WELL.http ?? null, ...metrics({ running: 0, waiting: 3, steps: null }) };
    expect(healthy().times(6, gone).verdict).toBe('stuck');
  });

  test('running without a step counter is not known', () => {
    expect(healthy().times(20, { http: WELL.http ?? null, ...metrics({ running: 3, steps: null }) }).verdict).toBe(
      'healthy',
    );
  });

  test('metrics that vanish or grow old are not known: no zero, no failure', () => {
    expect(
      healthy()
        .tick(stands, stands, stands)
        .times(20, { ...WELL, metrics: null }).verdict,
    ).toBe('healthy');
    expect(healthy().times(20, { ...stands, ...metrics({ running: 5, age: 60 }) }).verdict).toBe('healthy');
  });

  test('a page that stands still while completions come out is a frozen page', () => {
    expect(healthy().times(20, { ...stands, ...WELL }).verdict).toBe('healthy');
  });

  test('a counter that fell back has moved: a restart', () => {
    expect(
      healthy().times(20, (n) => ({ http: WELL.http ?? null, ...metrics({ running: 1, steps: 1_000 - n }) })).verdict,
    ).toBe('healthy');
  });

  test('a long queue with preemptions is overloaded, and its late completions count for nothing', () => {
    const busy = (n: number): Seen => ({
      http: WELL.http ?? null,
      ...metrics({ running: 256, waiting: 180, steps: n, preemptions: n, kv: 1 }),
      generation: { ok: false, error: 'timeout' },
    });
    const play = healthy().times(20, busy);
    expect(play.verdict).toBe('overloaded');
    expect(play.verdicts).not.toContain('stuck');
    expect(play.times(5, WELL).times(5, (n) => ({ ...WELL, ...metrics({ steps: 100 + n }) })).verdict).toBe('healthy');
  });
});

describe('callers', () => {
  test('probes fail while callers are served: unreachable; when callers are gone too: dead', () => {
    const play = healthy().times(6, { ...TIMEOUT, ...passive({}) });
    expect(play.verdict).toBe('unreachable');
    expect(play.times(9, TIMEOUT).verdict).toBe('dead');
  });

  test('/health is too slow to answer, callers are answered late: degraded, neither dead nor unreachable', () => {
    const play = healthy().times(6, { ...TIMEOUT, ...passive({ ttft95: 11_000 }) });
    expect(play.verdict).toBe('degraded');
    expect(play.verdicts).not.toContain('dead');
  });

  test('successes of the very tick in which the doubt begins contradict nothing', () => {
    expect(healthy().tick({ ...TIMEOUT, ...passive({}) }, TIMEOUT, TIMEOUT).verdict).toBe('dead');
  });

  test.each<[string, Partial<PassiveSeen>, Verdict]>([
    ['one of ten fails', { cluster: 1 }, 'degraded'],
    ['one of eleven fails', { requests: 11, cluster: 1 }, 'healthy'],
    ['cut streams count like errors', { cut: 2 }, 'degraded'],
    ['all are the callers\u2019 own fault', { client: 10 }, 'healthy'],
    ['all are quota', { quota: 10 }, 'healthy'],
    ['nobody asks', { requests: 0 }, 'healthy'],
  ])('%s', (_name, change, verdict) =>
    expect(healthy().times(3, { ...WELL, ...passive(change) }).verdict).toBe(verdict),
  );

  test('every real request fails and no completion comes out: dead, whatever /health says', () => {
    expect(healthy().times(3, { http: WELL.http ?? null, ...passive({ cluster: 10 }) }).verdict).toBe('dead');
  });

  test('when traffic has left, completions clear what callers had seen', () => {
    const play = healthy().times(3, { ...WELL, ...passive({ cut: 5 }) });
    expect(play.verdict).toBe('degraded');
    expect(play.times(6, { ...WELL, ...passive({ requests: 0 }) }).verdict).toBe('healthy');
  });
});

describe('doubt of a cluster that is called healthy', () => {
  const failedOnce = (): Play => healthy().tick({ ...WELL, ...passive({ requests: 1, cluster: 1 }) });
  const nobodyAsks: Seen = { ...WELL, ...passive({ requests: 0 }) };

  test('a failed request is one, until callers have left and five completions came without any failure', () => {
    const play = failedOnce();
    expect(play.verdict).toBe('healthy');
    expect(doubtOf([play.times(4, nobodyAsks).health])?.why).toContain('real requests failed');
    expect(doubtOf([play.tick(nobodyAsks).health])).toBeNull();
  });

  test('only completions outlive it: health pages that answer do not', () => {
    const play = failedOnce().times(20, { http: { status: 200, ms: 3 }, generation: null });
    expect(doubtOf([play.health])?.why).toContain('real requests failed');
  });
});

describe('back', () => {
  test('five completions, not five answers of /health, make a dead cluster healthy', () => {
    const play = healthy()
      .times(3, TIMEOUT)
      .times(20, { http: { status: 200, ms: 3 }, generation: null });
    expect(play.verdict).toBe('starting');
    expect(play.times(4, WELL).verdict).toBe('starting');
    expect(play.tick(WELL).verdict).toBe('healthy');
  });

  test('without a generation probe five ticks do', () => {
    const play = healthy(GENERIC).times(3, TIMEOUT);
    expect(play.times(4, { http: { status: 200, ms: 3 } }).verdict).toBe('dead');
    expect(play.tick({ http: { status: 200, ms: 3 } }).verdict).toBe('healthy');
  });

  const loading: Seen = { http: { status: 503, ms: 3, body: '{"error":{"message":"Loading model"}}' } };
  test('a cluster that was never well and loads is starting', () => {
    expect(new Play().times(20, loading).verdict).toBe('starting');
  });

  test('a cluster that was well and loads has restarted under its callers: dead first, then starting', () => {
    const play = healthy().times(3, loading);
    expect(play.verdict).toBe('dead');
    expect(play.times(6, loading).verdict).toBe('starting');
  });

  test('loading for more than a quarter of an hour is dead', () => {
    expect(new Play().times(460, loading).verdict).toBe('dead');
  });

  test('after a restart, completions that fail leave it starting until the first one comes out', () => {
    const play = healthy().times(3, REFUSED).times(6, loading);
    expect(play.times(6, { http: { status: 200, ms: 3 }, generation: { ok: false, error: '503' } }).verdict).toBe(
      'starting',
    );
  });
});

describe('the observer', () => {
  test.each<[string, TickSeen['self'], Verdict]>([
    ['lag at the limit', { lag: 200, late: 0, control: true }, 'dead'],
    ['lag above it', { lag: 201, late: 0, control: true }, 'healthy'],
    ['late by half an interval', { lag: 0, late: 1, control: true }, 'dead'],
    ['later', { lag: 0, late: 1.01, control: true }, 'healthy'],
    ['the control target fails', { lag: 0, late: 0, control: false }, 'healthy'],
    ['there is no control target', { lag: 0, late: 0, control: null }, 'dead'],
  ])('%s', (_name, self, verdict) => expect(healthy().times(3, { ...TIMEOUT, self }).verdict).toBe(verdict));

  test('after a gap in the ticks doubt is forgotten, a verdict is not', () => {
    const doubt = healthy().tick(TIMEOUT, TIMEOUT);
    doubt.atMs += 60_000;
    expect(doubt.tick(TIMEOUT, TIMEOUT).verdict).toBe('healthy');
    const dead = healthy().times(3, TIMEOUT);
    dead.atMs += 60_000;
    expect(dead.tick(TIMEOUT).verdict).toBe('dead');
  });
});

describe('what it asks for', () => {
  test('a completion when nothing has finished for a while, or in doubt; else not', () => {
    const play = healthy();
    expect(wantsGeneration(play.health, CLUSTER, play.atMs + 4_999)).toBe(false);
    expect(wantsGeneration(play.health, CLUSTER, play.atMs + 5_000)).toBe(true);
    play.tick({ http: WELL.http ?? null, ...passive({}) });
    expect(wantsGeneration(play.health, CLUSTER, play.atMs + 4_999)).toBe(false);
    play.tick({ ...TIMEOUT });
    expect(wantsGeneration(play.health, CLUSTER, play.atMs)).toBe(true);
    expect(wantsGeneration(play.health, GENERIC, play.atMs)).toBe(false);
  });

  test('callers who are answered do not replace the golden question for longer than half a minute', () => {
    const play = healthy().times(14, { http: WELL.http ?? null, ...passive({}) });
    expect(wantsGeneration(play.health, CLUSTER, play.atMs)).toBe(false);
    play.tick({ http: WELL.http ?? null, ...passive({}) });
    expect(wantsGeneration(play.health, CLUSTER, play.atMs)).toBe(true);
  });

  test('a fresh try after the first failure only', () => {
    expect(wantsFreshTry(healthy().health)).toBe(false);
    expect(wantsFreshTry(healthy().tick(TIMEOUT).health)).toBe(true);
    expect(wantsFreshTry(healthy().tick(TIMEOUT, TIMEOUT).health)).toBe(false);
  });
});

test('the state is plain JSON, and a report names its vantage', () => {
  const { health } = healthy().times(3, TIMEOUT);
  expect(JSON.parse(JSON.stringify(health))).toEqual(health);
  expect(JSON.stringify(health).length).toBeLessThan(10_000);
  expect(reportVantage(health, 'eu', 1).diagnosis.evidence[0]).toMatchObject({
    dimension: 'http',
    by: 'eu',
    seen: 'no answer: timeout, 3 in a row',
  });
});

test('whatever is seen, there is a verdict, evidence for a bad one, and no failing verdict in fewer than three bad looks', () => {
  const look = fc.constantFrom<Seen>(
    WELL,
    TIMEOUT,
    REFUSED,
    passive({ cluster: 9 }),
    passive({}),
    metrics({ running: 3 }),
    { gpu: { healthy: false } },
    {},
  );
  fc.assert(
    fc.property(fc.array(look, { maxLength: 60 }), (looks) => {
      const play = healthy();
      const at = looks.findIndex((seen) => !['healthy', 'overloaded', 'unknown'].includes(play.tick(seen).verdict));
      expect(VERDICTS).toContain(play.verdict);
      if (at < 0) return;
      expect(at).toBeGreaterThanOrEqual(2);
      expect(play.health.evidence.length).toBeGreaterThan(0);
    }),
    { numRuns: runs(100) },
  );
});

describe('a watcher that lacks what it takes to ask', () => {
  const LACKS: Seen = { http: { error: 'exhausted', ms: 1 } };
  const LACKS_FOR_COMPLETIONS: Seen = { http: { status: 200, ms: 5 }, generation: { ok: false, error: 'exhausted' } };

  test.each([
    ['descriptors for its checks', LACKS],
    ['descriptors for its completions', LACKS_FOR_COMPLETIONS],
  ])('%s knows no more and no less of the cluster, and says why', (_name, seen) => {
    const play = new Play().times(10, WELL).times(20, seen);
    expect(play.health.verdict).toBe('healthy');
    expect(play.health.suspended).toContain('of its own');
    expect(play.times(4, REFUSED).health.verdict).toBe('dead');
    expect(play.health.suspended).toBeNull();
  });

  test('does not take back what it knew', () => {
    expect(new Play().times(10, WELL).times(4, REFUSED).times(20, LACKS).health.verdict).toBe('dead');
  });
});
