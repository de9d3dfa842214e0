import { describe, expect, test } from 'vitest';
import { explain } from '../../../src/domain/guard/explain.js';
import { CALM } from '../../../src/domain/governor/fleet-view.js';
import { AWAY, me, MIN, Scene } from '../../kit/guard-scene.js';

const explained = (scene: Scene) => explain(scene.state, scene.now);
const calm = (): Scene => new Scene().hear({ kind: 'fleet', view: CALM });
const of = (scene: Scene, name: string) => explained(scene).clusters.find((c) => c.name === name);

test('a calm service: who would take over, and how', () => {
  const { automation, clusters, home, last } = explained(calm());
  expect([automation, home, last]).toEqual([['automation is on'], null, null]);
  expect(clusters[0]).toEqual({
    name: 'eu-a',
    now: 'primary, healthy, carries 100 %',
    ifDead: 'the traffic would move to us-b at once (25 %, 100 %)',
    ifDegraded: 'the traffic would move to us-b step by step (5 %, 25 %, 50 %, 100 %), each one verified',
    ifOverloaded: '10 % and then more, 30 % at most, would spill over to us-b, as long as it has room',
  });
  expect(clusters[1]).toMatchObject({
    now: 'standby, healthy, carries 0 %',
    ifDead: 'nothing would move: it carries no traffic; it is no target until it is well',
  });
});

test.each<[string, Scene, string]>([
  [
    'nobody can take over',
    calm().verdict('us-b', 'dead').verdict('ap-c', 'unknown').pass(MIN),
    'nothing would move: no healthy cluster to take over: us-b is dead, ap-c is unknown',
  ],
  [
    'the observer may be at fault',
    calm().verdict('us-b', 'dead'),
    'the traffic would move to ap-c at once (25 %, 100 %); if only the probes said so: nothing would move: eu-a, us-b: more than half of the clusters of chat went bad within 30 s, and no caller confirms it; most likely the observer is at fault, so nothing moves until it clears or a person orders it',
  ],
  [
    'it is frozen',
    calm().hear({ kind: 'freeze', forMs: MIN, attribution: me }),
    'nothing would move: frozen by me until 1970-01-01T00:17:40.000Z: kernel upgrade',
  ],
  [
    'somebody works on it',
    calm().hear({ kind: 'maintenance', cluster: 'eu-a', forMs: MIN, attribution: me }),
    'nothing would move: it is in maintenance by me until 1970-01-01T00:17:40.000Z: kernel upgrade',
  ],
  [
    'a person is asked first',
    new Scene({ mode: 'approve' }).hear({ kind: 'fleet', view: CALM }),
    'a person would be asked, as the mode is approve; then the traffic would move to us-b at once (25 %, 100 %)',
  ],
  [
    'a move is running',
    calm().order('switchover', 'us-b'),
    'move/chat/1 would hear of it and go on, or turn to another target',
  ],
])('what a dead primary would lead to when %s', (_name, scene, sentence) => {
  expect(of(scene, 'eu-a')?.ifDead).toBe(sentence);
});

describe('of several active clusters', () => {
  const members = ['eu-a', 'us-b', 'ap-c'].map((cluster) => ({ cluster, role: 'active' as const }));
  const shared = (): Scene => new Scene({ strategy: 'round-robin', members }).hear({ kind: 'fleet', view: CALM });

  test.each([
    ['eu-a', 'the 33.33 % of eu-a would move to us-b and ap-c at once (25 %, 100 %)'],
    ['us-b', 'the 33.33 % of us-b would move to eu-a and ap-c at once (25 %, 100 %)'],
    ['ap-c', 'the 33.33 % of ap-c would move to eu-a and us-b at once (25 %, 100 %)'],
  ])('each one is told who shares its part: %s', (name, sentence) => {
    expect(of(shared(), name)?.ifDead).toBe(sentence);
  });

  test('one that went already is no taker', () => {
    const scene = shared().confirmed('us-b', 'dead').pass(2_000);
    scene.endMove('done', { 'eu-a': 50, 'us-b': 0, 'ap-c': 50 }).pass(10 * MIN);
    expect(of(scene, 'eu-a')?.ifDead).toBe('the 50 % of eu-a would move to ap-c at once (25 %, 100 %)');
  });
});

describe('the last decision', () => {
  test('not to act', () => {
    const scene = calm().verdict('us-b', 'dead').verdict('eu-a', 'dead');
    expect(explained(scene).last).toMatch(
      /^1970-01-01T00:16:40.000Z: eu-a is dead, and nothing was moved: eu-a, us-b: /,
    );
  });

  test('to act', () => {
    const scene = calm().verdict('eu-a', 'dead').pass(2_000).endMove('done', AWAY);
    expect(explained(scene).last).toBe(
      '1970-01-01T00:16:42.000Z: failover eu-a → us-b by understudy (eu-a is dead): done, test',
    );
    expect(explained(scene).home).toBe('waiting: eu-a is dead');
  });

  test('that is being carried out', () => {
    expect(explained(calm().verdict('eu-a', 'dead')).last).toContain(
      'move/chat/1 was started: eu-a is dead: http connection refused',
    );
  });
});

test('what holds automation is told first', () => {
  const held = { why: 'too much at once', untilMs: 2_000_000 };
  const scene = calm().hear({ kind: 'fleet', view: { ...CALM, brake: held } });
  expect(explained(scene).automation).toEqual(['held: too much at once']);
});

test('a governor that had no reason to speak is nothing to tell', () => {
  expect(explained(new Scene()).automation).toEqual(['automation is on']);
});

test('a vantage that nobody watches from is named', () => {
  const diagnosis = { verdict: 'healthy', sinceMs: 0, evidence: [], unwatchedFrom: ['ap'] } as const;
  const scene = calm();
  for (const cluster of ['eu-a', 'us-b'])
    scene.hear({ kind: 'verdict', cluster, diagnosis, lastGenerationOkAtMs: null });
  expect(explained(scene).automation).toEqual(['no probe worker watches eu-a, us-b from ap: that vantage has no vote']);
});

test('explaining changes nothing', () => {
  const scene = calm().verdict('us-b', 'dead');
  const before = JSON.stringify(scene.state);
  explained(scene);
  expect(JSON.stringify(scene.state)).toBe(before);
});
