/** Bytes (one character each) damaged as networks, bugs and attackers damage them. */
import type { Random } from '../../sim/random.js';

export const byte = (random: Random): string => String.fromCharCode(random.whole(0, 255));

export const randomBytes = (random: Random, lengthMax: number): string =>
  Array.from({ length: random.whole(0, lengthMax) }, () => byte(random)).join('');

/** Bytes that mean something to one of the readers. */
const TELLING = [
  '\n',
  '\r',
  '\r\n',
  '\n\n',
  '\0',
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  'data:',
  '\xef\xbb\xbf',
] as const;
const BROKEN_UTF8 = ['\xff', '\xc3', '\xed\xa0\x80', '\xf0\x9f', '\xc0\x80', '\xf8\x88\x80\x80\x80'] as const;

type Change = (random: Random, before: string, after: string) => string;

const CHANGES: readonly Change[] = [
  (random, before, after) => before + byte(random) + after.slice(1),
  (random, before, after) => before + after.slice(random.whole(1, 20)),
  (random, before, after) => before + random.pick(TELLING) + after,
  (random, before, after) => before + random.pick(BROKEN_UTF8) + after,
  (random, before, after) => before + after.slice(0, random.whole(1, 60)) + after,
  (random, before, after) => before + randomBytes(random, 24) + after,
  (_random, before) => before,
];

/** A few changes at places of chance. */
export function damage(random: Random, bytes: string, changesMax = 3): string {
  let damaged = bytes;
  for (let left = random.whole(1, changesMax); left > 0; left--) {
    const at = random.whole(0, damaged.length);
    damaged = random.pick(CHANGES)(random, damaged.slice(0, at), damaged.slice(at));
  }
  return damaged;
}

/** In how many writes they go out, and where they are parted. */
export function parted(random: Random, bytes: string, partsMax = 6): string[] {
  const places = Array.from({ length: random.whole(0, partsMax - 1) }, () => random.whole(0, bytes.length));
  const cuts = [0, ...places.toSorted((x, y) => x - y), bytes.length];
  return cuts.slice(1).flatMap((end, i) => (end === cuts[i] ? [] : [bytes.slice(cuts[i], end)]));
}
