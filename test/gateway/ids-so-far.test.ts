import { expect, test } from 'vitest';
import { IdsSoFar } from '../../src/gateway/continuation/ids-so-far.js';
import { HIDES_IDS, SaidIds } from '../../src/gateway/continuation/said-ids.js';

/** Frames of a plain completion: ids, and the text that came with them. */
function said(...frames: readonly (readonly [ids: unknown, text: string])[]): SaidIds {
  const ids = new SaidIds();
  for (const [i, [tokens, text]] of frames.entries())
    ids.take({}, { token_ids: tokens, prompt_token_ids: i === 0 ? [7, 8] : null }, text);
  return ids;
}

test.each<[string, SaidIds, readonly number[] | null, boolean]>([
  ['nothing', said(), null, true],
  ['a text', said([[1], 'a'], [[2], 'b']), [1, 2], true],
  ['a part of a character at the end', said([[1], 'a'], [[2], ''], [[3], '']), [1], true],
  ['parts that became one', said([[1], 'a'], [[2], ''], [[3], 'é']), [1, 2, 3], true],
  ['only a part', said([[1], '']), null, true],
  ['two at once, of which the last may be a part', said([[1], 'a'], [[2, 3], 'b']), [1, 2, 3], false],
  ['a whole one after that', said([[1, 2], 'b'], [[3], 'c']), [1, 2, 3], true],
  ['text without ids', said([[1], 'a'], [null, 'b'], [[2], 'c']), null, true],
  ['a frame that says nothing', said([null, ''], [[1], 'a']), [1], true],
  ['no numbers', said([['1'], 'a']), null, true],
  ['as many as are kept', said([Array.from({ length: 65_536 }, () => 1), 'a']), Array(65_536).fill(1), false],
  ['one more', said([Array.from({ length: 65_536 }, () => 1), 'a'], [[1], 'b']), null, false],
])('%s', (_name, ids, known, areWhole) => {
  expect(ids.known).toEqual(known === null ? null : { prompt: [7, 8], said: known, areWhole });
});

test('without the ids of the prompt nobody can go on', () => {
  const ids = new SaidIds();
  ids.take({}, { token_ids: [1] }, 'a');
  expect(ids.known).toBeNull();
});

const whole = { prompt: [7], said: [1, 2], areWhole: true };

test('ids that are whole need no question', () => {
  const ids = new IdsSoFar(false);
  ids.heard(whole, 'ab');
  expect(ids.open).toBeNull();
  expect(ids.known).toEqual({ prompt: [7, 1, 2], contextTokens: null });
  ids.heard(null, 'c');
  expect([ids.open, ids.known]).toEqual([null, null]);
});

test.each<[string, string | null, boolean]>([
  ['the text that was read', 'über die Häfen', true],
  ['the same without what it had before', 'Häfen', true],
  ['with a part of a character at its beginning', '\ufffd die Häfen', true],
  ['with one at its end', 'über die Häfen\ufffd', false],
  ['more than was read', 'über die Häfen.', false],
  ['nothing that is known', null, false],
])('ids that may not be whole: they are %s', (_name, doubtedText, known) => {
  const ids = new IdsSoFar(false);
  ids.heard({ ...whole, areWhole: false }, ' über die Häfen');
  expect(ids.open).toEqual({ doubted: [1, 2], context: false });
  expect(ids.known).toBeNull();
  ids.settle({ doubtedText, contextTokens: null });
  expect(ids.known !== null).toBe(known);
});

test('the context is asked for once, where nothing else limits the answer', () => {
  const ids = new IdsSoFar(true);
  expect(ids.open).toBeNull(); // nothing was said yet
  ids.heard(whole, 'ab');
  expect(ids.open).toEqual({ doubted: null, context: true });
  ids.settle({ doubtedText: null, contextTokens: null });
  expect(ids.known).toBeNull();
  ids.settle({ doubtedText: null, contextTokens: 100 });
  ids.heard({ ...whole, areWhole: false }, 'ab');
  ids.settle({ doubtedText: 'ab', contextTokens: null });
  expect(ids.known).toEqual({ prompt: [7, 1, 2], contextTokens: 100 });
});

test('ids are taken out of lines, and what only looks like them stays', () => {
  const text = JSON.stringify({ content: '"token_ids":[1], ü' });
  const line = `data: {"a":${text},"prompt_token_ids":[1, 2],"token_ids": [3],"token_ids":null}\n`;
  expect(HIDES_IDS.rewrite(Buffer.from(line)).toString()).toBe(
    `data: {"a":${text},"prompt_token_ids":null,"token_ids": null,"token_ids":null}\n`,
  );
});
