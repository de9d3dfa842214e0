import { describe, expect, test } from 'vitest';
import type { MoveRecord } from '../../../src/domain/move-record.js';
import type { ServiceSpec } from '../../../src/domain/fleet.js';
import type { Verdict } from '../../../src/domain/words.js';
import { AWAY, HOME, me, MIN, Scene } from '../../kit/guard-scene.js';

describe('a cluster that carries traffic', () => {
  test.each<[Verdict, string]>([
    ['dead', 'failover eu-a>us-b'],
    ['stuck', 'failover eu-a>us-b'],
    ['degraded', 'failover eu-a>us-b'],
    ['overloaded', 'none'],
    ['unreachable', 'none'],
    ['starting', 'none'],
    ['unknown', 'none'],
  ])('and is %s leads to: %s', (verdict, move) => {
    expect(new Scene().verdict('eu-a', verdict).running).toBe(move);
  });

  test('that is dead moves once, however often that is said', () => {
    const scene = new Scene().verdict('eu-a', 'dead').verdict('eu-a', 'dead').hear({ kind: 'timer' });
    expect(scene.commands.filter((c) => c.kind === 'start-move')).toHaveLength(1);
  });

  test('the epoch grows with every move', () => {
    const scene = new Scene().verdict('eu-a', 'dead');
    expect(scene.state.move?.id).toBe('move/chat/1');
    scene.endMove('done', AWAY).confirmed('us-b', 'dead');
    expect(scene.state.move?.id).toBe('move/chat/2');
  });
});

test('a standby that dies moves nothing', () => {
  expect(new Scene().verdict('us-b', 'dead').running).toBe('none');
});

test('without a healthy target nothing is moved, and people are told why, once', () => {
  const scene = new Scene()
    .verdict('us-b', 'dead')
    .verdict('ap-c', 'stuck')
    .pass(MIN)
    .confirmed('eu-a', 'dead')
    .confirmed('eu-a', 'dead');
  expect(scene.running).toBe('none');
  expect(scene.why).toBe('no healthy cluster to take over: us-b is dead, ap-c is stuck');
  expect(scene.told('eu-a')).toHaveLength(1);
});

test('a target that becomes healthy later is used then', () => {
  const scene = new Scene()
    .verdict('us-b', 'dead')
    .verdict('ap-c', 'dead')
    .pass(MIN)
    .verdict('eu-a', 'dead')
    .verdict('ap-c', 'healthy');
  expect(scene.running).toBe('failover eu-a>ap-c');
});

describe('mode approve', () => {
  test('plans the failover but asks first', () => {
    const scene = new Scene({ mode: 'approve' }).verdict('eu-a', 'dead');
    expect(scene.state.move?.input.plan.approval).toBe('required');
  });

  test('gives way when the cluster recovered before anybody answered', () => {
    const scene = new Scene({ mode: 'approve' }).verdict('eu-a', 'dead').asking().verdict('eu-a', 'healthy');
    expect(scene.commands.at(-1)).toMatchObject({ kind: 'supersede-move', id: 'move/chat/1' });
  });

  test('a question in the middle of a ramp does not give way', () => {
    const scene = new Scene({ mode: 'approve' })
      .verdict('eu-a', 'degraded')
      .asking('ramp 25 %')
      .verdict('eu-a', 'healthy');
    expect(scene.commands.map((c) => c.kind)).not.toContain('supersede-move');
  });
});

describe('frozen', () => {
  test('by the configuration: nothing moves by itself, but a person may', () => {
    const scene = new Scene({ mode: 'frozen' }).verdict('eu-a', 'dead');
    expect([scene.running, scene.why]).toEqual(['none', 'the mode in the configuration is frozen']);
    expect(scene.order('failover').running).toBe('failover eu-a>us-b');
  });

  test('by a person: nothing moves until the freeze expires, then it does', () => {
    const scene = new Scene().hear({ kind: 'freeze', forMs: 10 * MIN, attribution: me }).verdict('eu-a', 'dead');
    expect(scene.pass(9 * MIN).running).toBe('none');
    expect(scene.why).toContain('frozen by me');
    expect(scene.pass(2 * MIN).running).toBe('failover eu-a>us-b');
  });

  test('unfreeze lets what is due happen at once', () => {
    const scene = new Scene().hear({ kind: 'freeze', forMs: 10 * MIN, attribution: me }).verdict('eu-a', 'dead');
    expect(scene.hear({ kind: 'unfreeze', attribution: me }).running).toBe('failover eu-a>us-b');
  });
});

describe('after a move', () => {
  test('that was rolled back the next one waits for the cooldown, and each further one twice as long', () => {
    const scene = new Scene().verdict('eu-a', 'degraded').endMove('rolled-back', HOME);
    expect(scene.running).toBe('none');
    expect(scene.why).toContain('cooling down');
    expect(scene.pass(MIN).running).toBe('failover eu-a>us-b');
    scene.endMove('rolled-back', HOME);
    expect(scene.pass(MIN).running).toBe('none');
    expect(scene.pass(MIN).running).toBe('failover eu-a>us-b');
  });

  test('that went well a cluster that dies right then is left at once', () => {
    const scene = new Scene().verdict('eu-a', 'dead').endMove('done', AWAY).confirmed('us-b', 'dead');
    expect(scene.running).toBe('failover us-b>ap-c');
  });

  test('that a person aborted automation stays away for a quarter of an hour', () => {
    const scene = new Scene().verdict('eu-a', 'dead').endMove('aborted', HOME, { endedBy: 'me' });
    expect(scene.state.freeze).toMatchObject({ by: 'me' });
    expect(scene.pass(14 * MIN).running).toBe('none');
    expect(scene.pass(2 * MIN).running).toBe('failover eu-a>us-b');
  });

  test('an answer of another move changes nothing', () => {
    const scene = new Scene().verdict('eu-a', 'dead');
    const before = scene.state;
    scene.hear({ kind: 'move-ended', id: 'move/chat/99', record: { ...({} as MoveRecord), id: 'move/chat/99' } });
    expect(scene.state.move).toEqual(before.move);
  });
});

describe('the way home', () => {
  const away = (failback: ServiceSpec['failback']): Scene =>
    new Scene({ failback })
      .verdict('eu-a', 'dead')
      .pass(MIN)
      .endMove('done', AWAY)
      .verdict('eu-a', 'starting')
      .pass(MIN);

  test('waits until home is well, then for the soak, then asks', () => {
    const scene = away({ policy: 'approve', soakMs: 10 * MIN });
    expect(scene.state.failback).toMatchObject({ state: 'waiting', why: 'eu-a is starting' });
    scene.verdict('eu-a', 'healthy');
    expect(scene.state.failback?.state).toBe('soaking');
    expect(scene.pass(9 * MIN).running).toBe('none');
    expect(scene.pass(MIN).running).toBe('failback us-b>eu-a');
    expect(scene.state.move?.input.plan.approval).toBe('required');
  });

  test('goes by itself under auto', () => {
    const scene = away({ policy: 'auto', soakMs: 10 * MIN })
      .verdict('eu-a', 'healthy')
      .pass(11 * MIN);
    expect(scene.state.move?.input.plan.approval).toBe('none');
  });

  test('begins the soak anew when home falls again', () => {
    const scene = away({ policy: 'auto', soakMs: 10 * MIN })
      .verdict('eu-a', 'healthy')
      .pass(9 * MIN);
    scene.verdict('eu-a', 'dead').pass(MIN).verdict('eu-a', 'healthy');
    expect(scene.pass(9 * MIN).running).toBe('none');
    expect(scene.pass(2 * MIN).running).toBe('failback us-b>eu-a');
  });

  test('is not asked again for an hour after a no', () => {
    const scene = away({ policy: 'approve', soakMs: 10 * MIN })
      .verdict('eu-a', 'healthy')
      .pass(10 * MIN)
      .endMove('aborted', AWAY);
    expect(scene.pass(59 * MIN).running).toBe('none');
    expect(scene.pass(MIN).running).toBe('failback us-b>eu-a');
  });

  test('a failback that waits for a yes gives way to a failover', () => {
    const scene = away({ policy: 'approve', soakMs: 10 * MIN })
      .verdict('eu-a', 'healthy')
      .pass(10 * MIN)
      .asking();
    scene.verdict('us-b', 'dead');
    expect(scene.commands.at(-1)).toMatchObject({ kind: 'supersede-move' });
    expect(scene.endMove('aborted', AWAY).running).toBe('failover us-b>eu-a');
  });

  test('the soak doubles with every failover of the day', () => {
    const scene = away({ policy: 'auto', soakMs: 10 * MIN })
      .verdict('eu-a', 'healthy')
      .pass(10 * MIN)
      .endMove('done', HOME);
    scene
      .pass(2 * MIN)
      .verdict('eu-a', 'dead')
      .endMove('done', AWAY)
      .verdict('eu-a', 'healthy');
    expect(scene.pass(19 * MIN).running).toBe('none');
    expect(scene.pass(2 * MIN).running).toBe('failback us-b>eu-a');
  });

  test('is left to people after a switchover', () => {
    const scene = new Scene().order('switchover', 'us-b').endMove('done', AWAY);
    expect(scene.state.failback).toMatchObject({ state: 'by-hand' });
    expect(scene.pass(1_000 * MIN).running).toBe('none');
    expect(scene.order('failback').running).toBe('failback us-b>eu-a');
  });

  test('never means never', () => {
    expect(
      away({ policy: 'never', soakMs: MIN })
        .verdict('eu-a', 'healthy')
        .pass(100 * MIN).running,
    ).toBe('none');
  });
});

describe('an order', () => {
  test('starts a move and says which', () => {
    const scene = new Scene().order('switchover', 'us-b');
    expect(scene.reply).toEqual({ accepted: true, id: 'move/chat/1', message: 'switchover eu-a → us-b begins' });
  });

  test.each<[string, (scene: Scene) => Scene, string]>([
    ['while a move runs', (s) => s.order('switchover', 'us-b').order('switchover', 'ap-c'), 'already-moving'],
    ['to an unknown cluster', (s) => s.order('switchover', 'mars'), 'unknown-cluster'],
    ['to where the traffic is', (s) => s.order('switchover', 'eu-a'), 'already-there'],
    [
      'to a cluster that is not well',
      (s) => s.verdict('us-b', 'stuck').order('switchover', 'us-b'),
      'preflight-blocked',
    ],
    ['home from home', (s) => s.order('failback'), 'already-there'],
  ])('is refused %s', (_name, act, code) => {
    expect(act(new Scene()).reply).toMatchObject({ accepted: false, code });
  });
});

describe('the traffic layer', () => {
  test('knows more than a guard that began anew', () => {
    const scene = new Scene().hear({ kind: 'layer-read', epoch: 41, intended: AWAY });
    expect(scene.state.epoch).toBe(41);
    expect(scene.verdict('us-b', 'dead').state.move).toMatchObject({ id: 'move/chat/42' });
  });

  test('that lost its table or was changed by hand is put right', () => {
    const scene = new Scene().verdict('eu-a', 'dead').endMove('done', AWAY);
    scene.commands = [];
    expect(scene.hear({ kind: 'layer-read', epoch: 1, intended: AWAY }).commands).toEqual([]);
    scene.hear({ kind: 'layer-read', epoch: 0, intended: HOME });
    expect(scene.commands.map((c) => c.kind)).toEqual(['repair', 'alert']);
    expect(
      scene.hear({ kind: 'layer-read', epoch: 1, intended: { ...AWAY, 'us-b': 50, 'ap-c': 50 } }).commands[2],
    ).toEqual({ kind: 'repair', epoch: 1, weights: AWAY });
    expect(scene.state.intended).toEqual(AWAY);
  });

  test('is not believed while a move is changing it', () => {
    const scene = new Scene().verdict('eu-a', 'dead').hear({ kind: 'layer-read', epoch: 0, intended: AWAY });
    expect(scene.state.intended).toEqual(HOME);
  });
});

test('a running move hears of every verdict of its members', () => {
  const scene = new Scene().order('switchover', 'us-b').verdict('eu-a', 'dead');
  expect(scene.commands.at(-1)).toMatchObject({ kind: 'tell-move', id: 'move/chat/1', cluster: 'eu-a' });
});

test('the state is plain JSON', () => {
  const { state } = new Scene().verdict('eu-a', 'dead').asking();
  expect(JSON.parse(JSON.stringify(state))).toEqual(state);
});

test('the cluster that a failover has just left is no news; a standby that dies is', () => {
  const scene = new Scene().verdict('eu-a', 'dead').endMove('done', AWAY);
  expect(scene.commands.filter((c) => c.kind === 'alert')).toEqual([]);
  expect(scene.verdict('ap-c', 'dead').commands.filter((c) => c.kind === 'alert')).toHaveLength(1);
});
