/**
 * The Prometheus text format, read tolerantly and only as far as asked: pages are some 50 KB, come every interval from
 * every cluster, and a few names of them matter. So lines of other metrics cost a look at their name and nothing more.
 */

import { endOfString } from '../domain/json-text.js';

/** Longest page that is read, in characters; a bigger one is cut at the last whole line. */
export const PAGE_MAX = 2 * 1024 * 1024;
/** Label sets of one name; more are not an engine's. */
const SAMPLES_MAX = 4096;

export interface Sample {
  readonly value: number;
  /** What stands between the braces, as it stands there. */
  readonly labels: string;
}

const OF_A_NAME = /\w/;

const NOTHING: readonly Sample[] = [];

/** The samples of `names`, all label sets of a name in page order. Lines that cannot be understood are skipped, NaN too. */
export function readSamples(page: string, names: ReadonlySet<string>): ReadonlyMap<string, readonly Sample[]> {
  const samples = new Map<string, Sample[]>();
  // Most lines fall out by the length of their name alone, before a string is made of it.
  const lengths = new Set(Array.from(names, (name) => name.length));
  const end = page.length > PAGE_MAX ? page.lastIndexOf('\n', PAGE_MAX) : page.length;
  for (let from = 0; from < end;) {
    const newline = page.indexOf('\n', from);
    const to = newline < 0 || newline > end ? end : newline;
    const nameTo = endOfName(page, from, to);
    if (lengths.has(nameTo - from)) {
      const name = page.slice(from, nameTo);
      if (names.has(name)) keep(samples, name, readSample(page, nameTo, to));
    }
    from = to + 1;
  }
  return samples;
}

/** The value of a label, `undefined` without one. Escaped quotes are read, other escapes are left as they stand. */
export function labelOf({ labels }: Sample, name: string): string | undefined {
  for (let at = 0; ;) {
    const equals = labels.indexOf('="', at);
    const to = equals < 0 ? -1 : endOfString(labels, equals + 2);
    if (to < 0) return undefined;
    const nameFrom = equals - name.length;
    const isNamed = nameFrom >= at && labels.startsWith(name, nameFrom);
    if (isNamed && !(nameFrom > at && OF_A_NAME.test(labels.charAt(nameFrom - 1)))) return labels.slice(equals + 2, to);
    at = to + 1;
  }
}

export function samplesOf(samples: ReadonlyMap<string, readonly Sample[]>, name: string): readonly Sample[] {
  return samples.get(name) ?? NOTHING;
}

function keep(samples: Map<string, Sample[]>, name: string, sample: Sample | null): void {
  if (sample === null) return;
  const known = samples.get(name);
  if (known === undefined) samples.set(name, [sample]);
  else if (known.length < SAMPLES_MAX) known.push(sample);
}

const TAB = 0x09;
const BLANK = 0x20;
const QUOTE = 0x22;
const HASH = 0x23;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** The metric's name ends at its labels or at a blank; a comment begins with `#` and has none. */
function endOfName(page: string, from: number, to: number): number {
  let at = from;
  while (at < to) {
    const code = page.charCodeAt(at);
    if (code === OPEN || code === BLANK || code === TAB || code === HASH) break;
    at += 1;
  }
  return at;
}

/** `{labels} value [timestamp]`; label values may hold braces and escaped quotes. */
function readSample(page: string, from: number, to: number): Sample | null {
  let at = skipBlanks(page, from, to);
  let labels = '';
  if (page.charCodeAt(at) === OPEN && at < to) {
    const close = endOfLabels(page, at + 1, to);
    if (close < 0) return null;
    labels = page.slice(at + 1, close);
    at = close + 1;
  }
  const valueFrom = skipBlanks(page, at, to);
  if (!isBlank(page.charCodeAt(valueFrom - 1))) return null; // something is glued to the labels
  const word = page.slice(valueFrom, endOfWord(page, valueFrom, to));
  const value = word === '' ? NaN : Number(word);
  return Number.isFinite(value) ? { value, labels } : null;
}

const isBlank = (code: number): boolean => code === BLANK || code === TAB;

function skipBlanks(page: string, from: number, to: number): number {
  let at = from;
  while (at < to && isBlank(page.charCodeAt(at))) at += 1;
  return at;
}

/** A value ends at the next blank of any kind, a carriage return of Windows' line ends too. */
function endOfWord(page: string, from: number, to: number): number {
  let at = from;
  while (at < to && page.charCodeAt(at) > BLANK) at += 1;
  return at;
}

/** Where the closing brace is, or -1. */
function endOfLabels(page: string, from: number, to: number): number {
  let quoted = false;
  for (let at = from; at < to; at += 1) {
    const code = page.charCodeAt(at);
    if (code === BACKSLASH) at += 1;
    else if (code === QUOTE) quoted = !quoted;
    else if (code === CLOSE && !quoted) return at;
  }
  return -1;
}
