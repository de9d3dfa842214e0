import { expect, test } from 'vitest';
import type { GuardEvent } from '../../../src/domain/guard/commands.js';
import { recallGuard, type Recalled, type Told } from '../../../src/domain/guard/recall.js';
import { AWAY, me, MIN, Scene } from '../../kit/guard-scene.js';

/** Plays a guard and notes what its history would hold: what it was told, and its moves. */
class Remembered extends Scene {
  readonly notes: Told[] = [];
  readonly begun = this.state;

  note(what: Recalled): this {
    this.notes.push({ atMs: this.now, what });
    return this;
  }

  override hear(event: GuardEvent): this {
    const before = (this.state as Scene['state'] | undefined)?.move?.id;
    super.hear(event);
    if ((this.notes as readonly Told[] | undefined) === undefined) return this;
    if (['verdict', 'freeze', 'unfreeze', 'maintenance', 'move-ended'].includes(event.kind))
      this.note(event as Recalled);
    const { move } = this.state;
    if (move !== null && move.id !== before) this.note({ kind: 'move-began', id: move.id, input: move.input });
    return this;
  }

  get recalled() {
    return recallGuard(this.begun, this.notes, this.now);
  }
}

/** What a guard keeps in mind, but for what the layer, the governor and the next look say anew. */
const kept = ({
  freeze,
  maintenance,
  history,
  intended,
  penalty,
  cooldownUntilMs,
  automaticAtMs,
  known,
  move,
}: Scene['state']) => ({
  freeze,
  maintenance,
  history,
  intended,
  penalty,
  cooldownUntilMs,
  automaticAtMs,
  known,
  move: move?.id ?? null,
});

test.each<[string, (scene: Remembered) => unknown]>([
  ['nothing but verdicts', (scene) => scene.verdict('us-b', 'degraded')],
  ['a freeze', (scene) => scene.hear({ kind: 'freeze', forMs: 10 * MIN, attribution: me })],
  [
    'a freeze that was lifted',
    (scene) => scene.hear({ kind: 'freeze', forMs: MIN, attribution: me }).hear({ kind: 'unfreeze', attribution: me }),
  ],
  ['a freeze that is over', (scene) => scene.hear({ kind: 'freeze', forMs: MIN, attribution: me }).pass(2 * MIN)],
  ['a maintenance', (scene) => scene.hear({ kind: 'maintenance', cluster: 'us-b', forMs: MIN, attribution: me })],
  [
    'a maintenance that was ended',
    (scene) =>
      scene
        .hear({ kind: 'maintenance', cluster: 'us-b', forMs: MIN, attribution: me })
        .hear({ kind: 'maintenance', cluster: 'us-b', forMs: 0, attribution: me }),
  ],
  ['a switchover', (scene) => scene.order('switchover', 'us-b').endMove('done', AWAY)],
  ['a failover and what it means for damping', (scene) => scene.confirmed('eu-a', 'dead').endMove('done', AWAY)],
  [
    'an aborted failover, and the quiet after it',
    (scene) => scene.confirmed('eu-a', 'dead').endMove('aborted', AWAY, { endedBy: 'bob' }),
  ],
  ['a move that runs', (scene) => scene.order('switchover', 'us-b')],
])('%s is recalled', (_name, play) => {
  const scene = new Remembered();
  play(scene);
  expect(kept(scene.recalled)).toEqual(kept(scene.state));
});

test('the layer tells the epoch, and a lost move is none', () => {
  const scene = new Remembered().order('switchover', 'us-b') as Remembered;
  const id = scene.state.move?.id ?? '';
  scene.note({ kind: 'move-lost', id });
  expect(scene.recalled).toMatchObject({ epoch: 0, move: null });
});
