/** A wait is not deaf: which news ends which wait of which move. Rows on each side of every limit. */
import { describe, expect, test } from 'vitest';
import type { GuardCommand } from '../../../src/domain/guard/commands.js';
import type { Verdict } from '../../../src/domain/words.js';
import type { ServiceSpec } from '../../../src/domain/fleet.js';
import { AWAY, MIN, Scene } from '../../kit/guard-scene.js';

type News = readonly [cluster: string, verdict: Verdict];
type Wait = readonly [state: 'asking' | 'paused' | 'waiting' | 'running', touched: boolean, step: string];

const PREFLIGHT: Wait = ['asking', false, 'preflight'];
const APPROVAL: Wait = ['asking', false, 'approval'];
const HALFWAY: Wait = ['asking', true, 'ramp 25 %'];
const PAUSED_EARLY: Wait = ['paused', false, 'preflight'];
const PAUSED_HALFWAY: Wait = ['paused', true, 'ramp 25 %'];
const NO_LAYER: Wait = ['waiting', true, 'ramp 25 %'];
const RUNNING: Wait = ['running', true, 'ramp 25 %'];

/** A person's switchover from eu-a to us-b that stands there, and what is heard then. */
function heard(
  [state, touched, step]: Wait,
  [cluster, verdict]: News,
  change: Partial<ServiceSpec> = {},
): string | null {
  const scene = new Scene(change).order('switchover', 'us-b');
  const { id } = scene.state.move ?? { id: '' };
  scene.hear({ kind: 'move-progress', id, step, state, question: state === 'asking' ? 'Go on?' : null, touched });
  scene.confirmed(cluster, verdict);
  return whyOf(scene.commands);
}

const whyOf = (commands: readonly GuardCommand[]): string | null =>
  commands.flatMap((command) => (command.kind === 'supersede-move' ? [command.why] : []))[0] ?? null;

describe('a switchover from eu-a to us-b', () => {
  test.each<[string, Wait, News, string | null]>([
    ['asks in its preflight, the source dies', PREFLIGHT, ['eu-a', 'dead'], 'eu-a failed meanwhile'],
    ['asks in its preflight, the source is stuck', PREFLIGHT, ['eu-a', 'stuck'], 'eu-a failed meanwhile'],
    ['asks in its preflight, the source is degraded', PREFLIGHT, ['eu-a', 'degraded'], 'eu-a failed meanwhile'],
    ['asks in its preflight, the source is overloaded', PREFLIGHT, ['eu-a', 'overloaded'], null],
    ['asks in its preflight, the target dies', PREFLIGHT, ['us-b', 'dead'], null],
    ['asks in its preflight, another cluster dies', PREFLIGHT, ['ap-c', 'dead'], null],
    ['asks for approval, the source dies', APPROVAL, ['eu-a', 'dead'], 'eu-a failed meanwhile'],
    ['is paused before it began, the source dies', PAUSED_EARLY, ['eu-a', 'dead'], 'eu-a failed meanwhile'],
    ['asks halfway, the source dies', HALFWAY, ['eu-a', 'dead'], 'eu-a went down meanwhile'],
    ['asks halfway, the target dies', HALFWAY, ['us-b', 'dead'], 'us-b went down meanwhile'],
    ['asks halfway, the target is degraded', HALFWAY, ['us-b', 'degraded'], null],
    ['asks halfway, another cluster dies', HALFWAY, ['ap-c', 'dead'], null],
    ['is paused halfway, the source dies', PAUSED_HALFWAY, ['eu-a', 'dead'], 'eu-a went down meanwhile'],
    ['is paused halfway, the target is stuck', PAUSED_HALFWAY, ['us-b', 'stuck'], 'us-b went down meanwhile'],
    ['waits for the layer, the target dies', NO_LAYER, ['us-b', 'dead'], null],
    ['runs, the target dies', RUNNING, ['us-b', 'dead'], null],
  ])('%s', (_name, wait, news, why) => expect(heard(wait, news)).toBe(why));

  const paused = { move: { ...new Scene().state.spec.move, pauseYields: false } };
  test.each([PAUSED_EARLY, PAUSED_HALFWAY])('keeps its pause where the configuration says so', (...wait) =>
    expect(heard(wait as unknown as Wait, ['eu-a', 'dead'], paused)).toBeNull(),
  );

  test('keeps its question where nobody would decide afterwards: the service is frozen', () => {
    expect(heard(PREFLIGHT, ['eu-a', 'dead'], { mode: 'frozen' })).toBeNull();
  });
});

test('a failover takes the place of what gave way, at once', () => {
  const scene = new Scene({ failback: { policy: 'auto', soakMs: 10 * MIN } })
    .verdict('eu-a', 'dead')
    .endMove('done', AWAY)
    .verdict('eu-a', 'healthy')
    .pass(11 * MIN);
  const { id } = scene.state.move ?? { id: '' };
  const question = 'Go on? 7 requests in flight';
  scene.hear({ kind: 'move-progress', id, step: 'preflight', state: 'asking', question, touched: false });
  scene.confirmed('us-b', 'dead');
  expect(whyOf(scene.commands)).toBe('us-b failed meanwhile');
  expect(scene.endMove('aborted', AWAY).running).toMatch(/^failover us-b>/);
});

test('a move that gave way is told once', () => {
  const scene = new Scene().order('switchover', 'us-b');
  const { id } = scene.state.move ?? { id: '' };
  scene.hear({ kind: 'move-progress', id, step: 'preflight', state: 'asking', question: 'Go on?', touched: false });
  scene.confirmed('eu-a', 'stuck').confirmed('eu-a', 'dead');
  expect(scene.commands.filter(({ kind }) => kind === 'supersede-move')).toHaveLength(1);
});
