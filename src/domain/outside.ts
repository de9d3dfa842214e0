/**
 * Reads what comes from outside: bodies, answers, frames, messages, files that others wrote. Text is parsed within limits,
 * and what a value is, is asked of its type. `String(x)`, `Number(x)`, a template or `in` on a value that somebody else
 * made runs what that value says (`{"toString":0}` throws), so nothing here and no reader of such values does that.
 */

import { CodedError } from './errors.js';
import { endOfString } from './json-text.js';

/** A JSON object whose fields are looked at one by one. */
export type Fields = Readonly<Record<string, unknown>>;

/**
 * Objects and lists inside each other. Parsing needs no stack, but what walks or prints a value does; schemas of tools,
 * the deepest that is known, have some 30 levels.
 */
export const DEPTH_MAX = 200;
/** Objects and lists of one text: an empty one takes 3 bytes as text and some 60 in memory. */
export const CONTAINERS_MAX = 1_000_000;

export interface JsonLimits {
  readonly depthMax?: number;
  readonly containersMax?: number;
  /** Length of the text; absent: whoever read it has bounded it. */
  readonly charsMax?: number;
}

export type Parsed =
  | { readonly kind: 'parsed'; readonly value: unknown }
  /** `why` names the limit or the place of the fault; it never repeats the text. */
  | { readonly kind: 'refused'; readonly reason: 'not-json' | 'too-deep' | 'too-large'; readonly why: string };

/** The value that a text says in JSON. Never throws, whatever the text. */
export function parseJson(text: string, limits: JsonLimits = {}): Parsed {
  const { depthMax = DEPTH_MAX, containersMax = CONTAINERS_MAX, charsMax = Infinity } = limits;
  if (text.length > charsMax)
    return { kind: 'refused', reason: 'too-large', why: `it is longer than ${charsMax} characters` };
  // Each level takes at least its opening character.
  if (text.length > depthMax) {
    const { depth, containers } = measure(text, depthMax, containersMax);
    if (depth > depthMax)
      return { kind: 'refused', reason: 'too-deep', why: `it is nested deeper than ${depthMax} levels` };
    if (containers > containersMax)
      return { kind: 'refused', reason: 'too-large', why: `it has more than ${containersMax} objects and lists` };
  }
  try {
    return { kind: 'parsed', value: JSON.parse(text) };
  } catch (error) {
    return { kind: 'refused', reason: 'not-json', why: placeOf(error) };
  }
}

/** The value that a text says in JSON, where there are errors to be told. @throws CodedError `bad-input` */
export function parsedOf(text: string, limits: JsonLimits = {}): unknown {
  const parsed = parseJson(text, limits);
  if (parsed.kind === 'parsed') return parsed.value;
  throw new CodedError('bad-input', parsed.why);
}

/** The object that a text says in JSON; `null` when it says something else, is no JSON or exceeds a limit. */
export function parseFields(text: string, limits: JsonLimits = {}): Fields | null {
  const parsed = parseJson(text, limits);
  return parsed.kind === 'parsed' && isFields(parsed.value) ? parsed.value : null;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Its fields; none when it is no object. */
export const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : NO_FIELDS);

const NO_FIELDS: Fields = {};

export const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** `1e999` is JSON, and infinite. */
export const numberOf = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;

export const listOf = (value: unknown): readonly unknown[] | null => (Array.isArray(value) ? value : null);

/** What a value is, in words for people; texts and numbers are shown, as far as they are short. */
export function describeValue(value: unknown): string {
  const isWord = ['string', 'number', 'boolean', 'bigint', 'symbol'].includes(typeof value);
  return isWord ? `${typeof value} ${wordOf(value).slice(0, SHOWN_CHARS_MAX)}` : wordOf(value);
}

/** Texts and numbers as they are, and of everything else its kind. */
export function wordOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return `${value}`;
  if (typeof value === 'symbol') return value.toString();
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : 'an object';
}

const SHOWN_CHARS_MAX = 72;

/** In V8 several times faster than a loop over characters. */
const STRUCTURE = /["[\]{}]/g;
const QUOTE = 34;
const OPEN_LIST = 91;
const OPEN_OBJECT = 123;

/** One look along the text; it ends where a limit is exceeded. What is no JSON is measured too, as whatever it looks like. */
function measure(text: string, depthMax: number, containersMax: number): { depth: number; containers: number } {
  let depth = 0;
  let containers = 0;
  if (opensAtMost(text, depthMax)) return { depth, containers };
  STRUCTURE.lastIndex = 0;
  while (STRUCTURE.test(text)) {
    const code = text.charCodeAt(STRUCTURE.lastIndex - 1);
    if (code === QUOTE) {
      const end = endOfString(text, STRUCTURE.lastIndex);
      if (end < 0) break;
      STRUCTURE.lastIndex = end + 1;
    } else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      depth++;
      containers++;
      if (depth > depthMax || containers > containersMax) break;
    } else depth--;
  }
  return { depth, containers };
}

/** True for nearly all that is parsed, and far cheaper than a look at each character: what opens little is not deep. */
function opensAtMost(text: string, max: number): boolean {
  let left = max;
  for (const opening of ['[', '{'])
    for (let at = text.indexOf(opening); at >= 0; at = text.indexOf(opening, at + 1)) if (--left < 0) return false;
  return true;
}

/** V8's message repeats a part of the text, which may be a prompt; only the place is told. */
function placeOf(error: unknown): string {
  const place = error instanceof Error ? /at position (\d+)/.exec(error.message)?.[1] : undefined;
  return place === undefined ? 'it is not JSON' : `it is not JSON, from character ${place} on`;
}
