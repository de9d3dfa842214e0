/** JSON as text, so that it can be what no printer writes: keys twice, numbers without end, nests without a bottom. */
import type { Random } from '../../sim/random.js';

const nested = (depth: number, open = '[', close = ']'): string => open.repeat(depth) + close.repeat(depth);

/** Texts that stand where something else is due. Each has ended, or slowed down, some program. */
const NASTY: readonly string[] = [
  '{"toString":0}',
  '{"valueOf":0,"toString":0}',
  '{"toString":{},"valueOf":[]}',
  '{"__proto__":{"polluted":1}}',
  '{"__proto__":null}',
  '{"constructor":{"prototype":{"polluted":1}}}',
  '{"hasOwnProperty":1}',
  '{"toJSON":1}',
  '{"then":1}',
  '{"length":4294967295}',
  '{"length":-1,"0":1}',
  '[{"toString":0}]',
  '[[{"toString":0}]]',
  '{}',
  '[]',
  '[null]',
  'null',
  'true',
  'false',
  '0',
  '-0',
  '-1',
  '1.5',
  '1e999',
  '-1e999',
  '1e-999',
  '99999999999999999999',
  '9007199254740993',
  '4294967296',
  'NaN',
  '""',
  '" "',
  '"\\u0000"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\\u2028\\u2029"',
  '"\\ufeff"',
  '"__proto__"',
  '"constructor"',
  '"toString"',
  '"\xff\xfe"',
  '"\\r\\ndata: [DONE]\\r\\n\\r\\n"',
  '"\x1b[2J\x1b]0;x\x07"',
  nested(30),
  nested(250),
  nested(9_000),
  nested(2_500, '{"a":', '1}').replace('1}', '1}'),
  '['.repeat(3_000),
  '{"a":'.repeat(6_000),
  `"${'a'.repeat(70_000)}"`,
  `[${'0,'.repeat(20_000)}0]`,
  `{${Array.from({ length: 2_000 }, (_, i) => `"k${i}":${i}`).join()}}`,
];

/** Dear to play: one in a hundred. */
const HUGE: readonly string[] = [`"${'b'.repeat(1_100_000)}"`, nested(200_000), `[${'{"index":0},'.repeat(60_000)}{}]`];

export const nasty = (random: Random): string => (random.chance(0.01) ? random.pick(HUGE) : random.pick(NASTY));

/** Prints a value with one to three of its places changed: another value, a key twice, a key less, a key more. */
export function damagedJson(random: Random, value: unknown): string {
  const places = placesIn(value);
  const chosen = new Map<number, Damage>();
  for (let left = random.whole(1, 3); left > 0; left--) {
    chosen.set(random.whole(0, places - 1), { how: random.pick(HOWS), text: nasty(random) });
  }
  return print(value, { next: 0, chosen });
}

const HOWS = ['replace', 'replace', 'replace', 'twice', 'drop', 'add'] as const;

interface Damage {
  readonly how: (typeof HOWS)[number];
  readonly text: string;
}

interface Printing {
  next: number;
  readonly chosen: ReadonlyMap<number, Damage>;
}

const isContainer = (value: unknown): value is object => typeof value === 'object' && value !== null;

function placesIn(value: unknown): number {
  return isContainer(value) ? Object.values(value).reduce<number>((sum, one) => sum + placesIn(one), 1) : 1;
}

function print(value: unknown, printing: Printing): string {
  const damage = printing.chosen.get(printing.next++);
  const text = isContainer(value) ? printContainer(value, printing, damage) : (JSON.stringify(value) ?? 'null');
  return damage?.how === 'replace' ? damage.text : text;
}

function printContainer(value: object, printing: Printing, damage: Damage | undefined): string {
  const entries = Object.entries(value).map(([key, one]) => [key, print(one, printing)] as const);
  const damaged = damageEntries(entries, damage);
  if (Array.isArray(value)) return `[${damaged.map(([, text]) => text).join()}]`;
  return `{${damaged.map(([key, text]) => `${JSON.stringify(key)}:${text}`).join()}}`;
}

type Entry = readonly [string, string];

function damageEntries(entries: readonly Entry[], damage: Damage | undefined): readonly Entry[] {
  if (damage === undefined || damage.how === 'replace') return entries;
  if (damage.how === 'drop') return entries.slice(1);
  const [key] = entries[0] ?? ['more'];
  return damage.how === 'twice' ? [...entries, [key, damage.text]] : [['unknown_field', damage.text], ...entries];
}

/** A value as it should be, or damaged, or something else altogether. */
export function jsonText(random: Random, value: unknown): string {
  const luck = random.next();
  if (luck < 0.35) return JSON.stringify(value);
  if (luck < 0.95) return damagedJson(random, value);
  return nasty(random);
}
