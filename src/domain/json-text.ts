/** JSON as it stands in a text, one byte a character: places in it, without parsing and printing the whole. */

const BACKSLASH = 92;
const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
/** Where a value stands: from its first character to the one behind its last. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Where the string whose text begins at `from` ends: its closing quote, -1 when there is none. */
export function endOfString(source: string, from: number): number {
  let at = source.indexOf('"', from);
  while (at > from && source.charCodeAt(at - 1) === BACKSLASH && isEscaped(source, at, from))
    at = source.indexOf('"', at + 1);
  return at;
}

function isEscaped(source: string, at: number, from: number): boolean {
  let slashes = 0;
  while (at - slashes > from && source.charCodeAt(at - slashes - 1) === BACKSLASH) slashes++;
  return slashes % 2 === 1;
}

/**
 * The string values of `key` in an object, not in what stands inside it. `source` must be JSON. A key may be written with
 * escapes, and more than once; each of them is found, for nobody knows which one a reader takes.
 */
export function stringsOf(source: string, key: string): readonly Span[] {
  const found: Span[] = [];
  let depth = 0;
  let isKey = true;
  let isWanted = false;
  for (let at = 0; at < source.length; at++) {
    const char = source.charCodeAt(at);
    if (char === QUOTE) {
      const to = endOfString(source, at + 1);
      if (to < 0) break;
      if (depth === 1 && isKey) isWanted = isSame(source.slice(at + 1, to), key);
      else if (depth === 1 && isWanted) found.push({ from: at, to: to + 1 });
      at = to;
    } else if (char === COMMA || char === COLON) {
      if (depth === 1) isKey = char === COMMA;
    } else depth += stepOf(char);
  }
  return found;
}

function stepOf(char: number): number {
  if (char === 91 || char === 123) return 1; // [ {
  return char === 93 || char === 125 ? -1 : 0; // ] }
}

function isSame(written: string, key: string): boolean {
  return written.includes('\\') ? JSON.parse(`"${written}"`) === key : written === key;
}
