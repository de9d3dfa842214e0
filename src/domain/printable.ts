/**
 * Text from outside (clusters, callers, files, signals, servers) ends up on terminals, in chats, logs and histories.
 * `printable` is what it has to pass where it enters: one line, nothing that moves a cursor, hides, or turns the direction
 * of writing, and bounded. What a line break or a markup means is for each door to say, after that.
 */

/** One fact, name or reason, in UTF-16 units: what a person reads on a phone. In UTF-8 it is at most three times as long. */
export const FACT_CHARS_MAX = 300;
/** A sentence that holds several facts. */
export const SENTENCE_CHARS_MAX = 2_000;
/** Temporal's limit of a summary is 400 bytes of JSON (`limit.userMetadataSummarySize`); a character takes three at most. */
export const SUMMARY_CHARS_MAX = 130;
/** What is not looked at any more: characters that are dropped cost time too. */
const READ_FACTOR = 4;
/** Deeper than anything that a view of ours holds. */
const DEPTH_MAX = 24;

/** Controls, formats (zero width, direction), line ends, halves of characters, private ones, and all that shows as nothing. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/u;
const NOT_ONE_LINE = new RegExp(`${UNPRINTABLE.source}|\\s{2}|[^\\S ]|\\p{M}{5}`, 'u');
const EVERY_UNPRINTABLE = new RegExp(UNPRINTABLE.source, 'gu');
/** More marks on one letter than any language writes: they would reach into the lines around. */
const PILED_MARKS = /(\p{M}{4})\p{M}+/gu;

/** One line that can be shown anywhere, of at most `charsMax` UTF-16 units. The same text gives the same line. @replayed */
export function printable(text: string, charsMax = FACT_CHARS_MAX): string {
  if (text.length <= charsMax && !NOT_ONE_LINE.test(text)) return text.trim();
  const line = text
    .slice(0, charsMax * READ_FACTOR)
    .replace(EVERY_UNPRINTABLE, ' ')
    .replace(PILED_MARKS, '$1')
    .replace(/\s+/gu, ' ')
    .trim();
  return line.length <= charsMax ? line : `${line.slice(0, charsMax - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** The same of every text in plain data, names of fields included: what is shown to people is made from the result. */
export function printableAll<T>(value: T, charsMax = SENTENCE_CHARS_MAX): T {
  return walk(value, charsMax, DEPTH_MAX) as T;
}

function walk(value: unknown, charsMax: number, depth: number): unknown {
  if (typeof value === 'string') return printable(value, charsMax);
  if (typeof value !== 'object' || value === null) return value;
  if (depth === 0) return '…';
  if (Array.isArray(value)) return value.map((entry) => walk(entry, charsMax, depth - 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, entry]) => [printable(name, charsMax), walk(entry, charsMax, depth - 1)]),
  );
}

/** JSON as one line that is safe on a terminal too: exact data, with escapes where JSON itself would allow raw characters. */
export function jsonLine(value: unknown): string {
  const text = JSON.stringify(value);
  return UNPRINTABLE.test(text) ? text.replace(EVERY_UNPRINTABLE, escaped) : text;
}

const escaped = (character: string): string =>
  Array.from({ length: character.length }, (_, i) => character.charCodeAt(i))
    .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
    .join('');

/**
 * Foreign text in Markdown (Temporal's UI): plain words as they are, anything else as code, where nothing is a link, an
 * image or a heading, and a `|` would end a table's cell. @replayed
 */
export function inMarkdown(text: string, charsMax = FACT_CHARS_MAX): string {
  const line = printable(text, charsMax);
  if (PLAIN_WORDS.test(line) && !LINK_LIKE.test(line)) return line;
  return `\`${line.replaceAll('`', "'").replaceAll('|', '¦')}\``;
}

const PLAIN_WORDS = /^[\p{L}\p{N} ,.;:()%→/'’-]*$/u;
const LINK_LIKE = /:\/\/|www\.|^(?:\d+[.)]|-)\s/i;
