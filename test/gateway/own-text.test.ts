/** What is kept of a text must not keep the text. */
import { expect, test } from 'vitest';
import { identityOf } from '../../src/domain/continuation/splice-frame.js';
import { Said } from '../../src/gateway/continuation/said.js';
import { AnswerSeen } from '../../src/gateway/account/answer-seen.js';
import { notedPath } from '../../src/gateway/account/span-attributes.js';
import { askedOf } from '../../src/gateway/door/choose-service.js';
import { ownText } from '../../src/gateway/own-text.js';
import { retainedBytes } from '../kit/retained-bytes.js';

const LONG = 400_000;
const COUNT = 100;

test.each<[string, (text: string) => unknown]>([
  ['the key of a conversation', (text) => askedOf({ user: text }, {}).key],
  ['a word for a log', (text) => ownText(text, 200)],
  ['a path', (text) => notedPath(`/v1/${text}`)],
  ['a path with a long query', (text) => notedPath(`/v1/chat/completions?${text}`)],
  [
    'why an answer ended',
    (text) => {
      const heard = { onPiece: null as ((piece: unknown, encoding: unknown) => void) | null };
      const seen = new AnswerSeen(heard as never, { reasons: true });
      heard.onPiece?.(Buffer.from(`data: {"finish_reason":"content_filter"} ${text}\n`), undefined);
      return seen.finishReasons();
    },
  ],
  ['who says an answer', (text) => identityOf({ id: text, model: text, created: { text } })],
  [
    'the form of a stream’s frames',
    (text) => {
      const said = new Said();
      const frame = { id: text, choices: [{ index: 0, delta: { content: 'a' } }] };
      said.learn(`data: ${JSON.stringify(frame)}`, frame);
      return said;
    },
  ],
])('%s', (_name, kept) => {
  const before = retainedBytes();
  const all = Array.from({ length: COUNT }, (_, i) =>
    kept(JSON.parse(JSON.stringify(`${i}`.padEnd(LONG, 'x'))) as string),
  );
  expect(retainedBytes() - before).toBeLessThan((COUNT * LONG) / 10);
  expect(all).toHaveLength(COUNT);
});

test('a text stays itself, to the half of a character', () => {
  expect(ownText('a\ud83d\ude00b', 2)).toBe('a\ud83d');
  expect(ownText('häß', 5)).toBe('häß');
});
