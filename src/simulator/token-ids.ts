/**
 * The simulated tokenizer: four bytes of a text are one id, and each word of an answer is one. No byte of UTF-8 is above
 * 0xf7, so ids of words begin with 0xff. A word's id is a hash: what a prompt in ids had said before is checked, not read.
 */
import { expectedAnswer, hashOf } from './text.js';

const BYTES_OF_TOKEN = 4;
const WORD_BASE = 0xff000000;

export const isWordId = (id: number): boolean => id >= WORD_BASE;

export function idOfWord(word: string): number {
  return WORD_BASE + (hashOf(word) & 0xffffff);
}

/** The last token is filled up with zeros. */
export function idsOfText(text: string): number[] {
  const bytes = Buffer.from(text, 'utf8');
  const whole = Buffer.alloc(Math.ceil(bytes.length / BYTES_OF_TOKEN) * BYTES_OF_TOKEN);
  bytes.copy(whole);
  return Array.from({ length: whole.length / BYTES_OF_TOKEN }, (_, i) => whole.readUInt32BE(i * BYTES_OF_TOKEN));
}

function textOfIds(ids: readonly number[]): string {
  const bytes = Buffer.alloc(ids.length * BYTES_OF_TOKEN);
  for (const [i, id] of ids.entries()) bytes.writeUInt32BE(id, i * BYTES_OF_TOKEN);
  return bytes.toString('utf8').replaceAll('\0', '');
}

/** The prompt `key`, and `said` of its answer. */
export function idsOfPrompt(key: string, said: string): number[] {
  const ids = idsOfText(key);
  let rest = said;
  for (const word of wordsOf(key, said.length)) {
    if (rest === '' || !rest.startsWith(word)) break;
    ids.push(idOfWord(word));
    rest = rest.slice(word.length);
  }
  return [...ids, ...idsOfText(rest)];
}

/** The other way round; `null` when the words are not the beginning of this prompt's answer. */
export function readPromptIds(ids: readonly number[]): { readonly key: string; readonly said: string } | null {
  const from = ids.findIndex(isWordId);
  if (from < 0) return { key: textOfIds(ids), said: '' };
  const key = textOfIds(ids.slice(0, from));
  const count = ids.slice(from).findLastIndex(isWordId) + 1;
  const words = wordsOf(key, count).slice(0, count);
  const isRight = words.length === count && words.every((word, i) => idOfWord(word) === ids[from + i]);
  return isRight ? { key, said: words.join('') + textOfIds(ids.slice(from + count)) } : null;
}

function wordsOf(key: string, count: number): readonly string[] {
  return expectedAnswer(key, { maxTokens: count, ignoreEos: true }).tokens;
}
