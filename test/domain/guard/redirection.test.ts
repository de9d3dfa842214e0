import { describe, expect, test } from 'vitest';
import {
  changeSentence,
  REDIRECTIONS_MAX,
  redirectionsOfService,
  senderOf,
  senderSentence,
} from '../../../src/domain/guard/redirection.js';
import type { ClusterSpec } from '../../../src/domain/fleet.js';
import { CLUSTERS, serviceSpec } from '../../kit/fleet.js';
import { Scene } from '../../kit/guard-scene.js';

const SPEC = serviceSpec();
const without = (name: string): typeof SPEC.members => SPEC.members.filter(({ cluster }) => cluster !== name);

describe('where prompts go', () => {
  test.each<[string, Partial<ClusterSpec>, string[]]>([
    [
      'another address',
      { url: 'http://10.0.0.1' },
      ['eu-a: its address was http://127.0.0.1:1 and is http://10.0.0.1'],
    ],
    ['a key', { apiKeyEnv: 'A_API_KEY' }, ['eu-a: its key was none and is that of A_API_KEY']],
    [
      'a password in an address',
      { url: 'http://u:p@h' },
      ['eu-a: its address was http://127.0.0.1:1 and is http://…@h'],
    ],
    ['a limit', { capacity: { concurrency: 1 } }, []],
    ['nothing', {}, []],
  ])('changed or not: %s', (_, change, sentences) => {
    const clusters = { ...CLUSTERS, 'eu-a': { ...CLUSTERS['eu-a'], ...change } };
    const changes = redirectionsOfService({ spec: SPEC, clusters: CLUSTERS }, { spec: SPEC, clusters });
    expect(changes.map(changeSentence)).toEqual(sentences);
  });

  test('members that come and go', () => {
    const [all, fewer] = [
      { spec: SPEC, clusters: CLUSTERS },
      { spec: { members: without('us-b') }, clusters: CLUSTERS },
    ];
    expect(redirectionsOfService(all, fewer)).toEqual([{ kind: 'left', cluster: 'us-b' }]);
    expect(redirectionsOfService(fewer, all)).toEqual([{ kind: 'joined', cluster: 'us-b', url: 'http://127.0.0.1:1' }]);
  });
});

test.each<[unknown, string]>([
  [{ sender: { by: 'ada', host: 'h', pid: 7, door: 'apply' } }, 'by ada on h (process 7, apply)'],
  [{ sender: { by: 'a\u001b[2Jb\n', host: 'h', pid: 7, door: 'apply' } }, 'by a [2Jb on h (process 7, apply)'],
  [{ sender: { by: 'x'.repeat(1_000), host: 'h', pid: {}, door: 'd' } }, `by ${'x'.repeat(99)}… on h (process 0, d)`],
  [{ sender: { by: { toString: 0 }, host: 'h', door: 'd' } }, 'by somebody who did not say who (a signal to Temporal)'],
  [{ sender: null }, 'by somebody who did not say who (a signal to Temporal)'],
  [{}, 'by somebody who did not say who (a signal to Temporal)'],
])('a sender is what it says of itself, bounded: %#', (order, sentence) => {
  expect(senderSentence(senderOf(order))).toBe(sentence);
});

test('the guard says it, keeps the newest, and shows them', () => {
  const scene = new Scene();
  const configured = { kind: 'configured', spec: SPEC, clusters: CLUSTERS } as const;
  scene.hear({ ...configured, redirection: null });
  expect(scene.commands.filter(({ kind }) => kind === 'alert')).toEqual([]);
  for (let i = 0; i < REDIRECTIONS_MAX + 5; i += 1)
    scene.hear({ ...configured, redirection: { sender: null, changes: [{ kind: 'left', cluster: `c-${i}` }] } });
  expect(scene.state.redirections).toHaveLength(REDIRECTIONS_MAX);
  expect(scene.state.redirections[0]?.changes).toEqual([{ kind: 'left', cluster: `c-${REDIRECTIONS_MAX + 4}` }]);
  expect(scene.commands.filter(({ kind }) => kind === 'alert')).toHaveLength(REDIRECTIONS_MAX + 5);
});
