/** Reads YAML and remembers where each value stands. Bounded: size, aliases, nesting. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
} from 'yaml';
import type { ConfigPath } from './problem.js';

export const FILE_BYTES_MAX = 1_048_576;
/** Anchors save typing; a hundred uses of one are no configuration but an attack on memory. */
const ALIASES_MAX = 100;

export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface SourceError extends Position {
  readonly wrong: string;
  readonly fix: string;
}

export interface YamlSource {
  /** The content as plain JavaScript; meaningless when there are errors. */
  readonly content: unknown;
  /** What no YAML reader would accept, in the order of the file. */
  readonly errors: readonly SourceError[];
  /** Whether something stands at `path`. */
  has(path: ConfigPath): boolean;
  /** Of the key or of the value; the nearest parent's place when nothing stands there. */
  positionOf(path: ConfigPath, at: 'key' | 'value'): Position;
}

/** Reads `text`. Never throws: what is wrong is in `errors`. */
export function readYaml(text: string): YamlSource {
  const lines = new LineCounter();
  const doc = parseDocument(text, {
    lineCounter: lines,
    uniqueKeys: true,
    merge: true,
    prettyErrors: false,
    version: '1.2',
  });
  const place = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const errors: SourceError[] = doc.errors.map((e) => ({ ...place(e.pos[0]), ...wordsFor(e.code, e.message) }));
  errors.push(...forbiddenKeys(doc, place));
  let content: unknown;
  try {
    content = errors.length === 0 ? doc.toJS({ maxAliasCount: ALIASES_MAX }) : undefined;
  } catch {
    errors.push({
      line: 1,
      column: 1,
      wrong: `anchors are used more than ${ALIASES_MAX} times, or refer to themselves`,
      fix: 'write the values out',
    });
  }
  return {
    content,
    errors,
    has: (path) => find(doc, path).depth === path.length,
    positionOf: (path, at) => {
      const found = find(doc, path);
      const whole = found.depth === path.length;
      const node = whole && at === 'value' ? (found.value ?? found.key) : (found.key ?? found.value);
      return place(node?.range?.[0] ?? 0);
    },
  };
}

function wordsFor(code: string, message: string): { readonly wrong: string; readonly fix: string } {
  if (code === 'DUPLICATE_KEY') return { wrong: 'this key stands here twice', fix: 'keep one of them' };
  if (code === 'MULTIPLE_DOCS')
    return { wrong: 'a second YAML document begins here', fix: 'keep one document in the file' };
  // The reader's own words may quote the file; the first line does so least.
  return {
    wrong: `this is not YAML: ${message.split('\n')[0] ?? code}`,
    fix: 'check quotes, colons and indentation here',
  };
}

/** Keys that JavaScript gives a meaning of its own, and keys that are no text. */
function forbiddenKeys(doc: Document, place: (offset: number) => Position): SourceError[] {
  const found: SourceError[] = [];
  visit(doc, {
    Pair: (_, pair: Pair) => {
      const key = pair.key as Node | null;
      if (isScalar(key) && key.value !== '__proto__') return;
      if (isAlias(key)) return;
      found.push({ ...place(key?.range?.[0] ?? 0), wrong: 'this cannot be a key', fix: 'use a plain word' });
    },
  });
  return found;
}

interface Found {
  readonly key: Node | null;
  readonly value: Node | null;
  /** How many keys of the path were found. */
  readonly depth: number;
}

function find(doc: Document, path: ConfigPath): Found {
  let found: Found = { key: null, value: doc.contents as Node | null, depth: 0 };
  for (const step of path) {
    const next = stepInto(doc, found, step);
    if (next === null) return found;
    found = next;
  }
  return found;
}

function stepInto(doc: Document, from: Found, step: string | number): Found | null {
  const holder = isAlias(from.value) ? from.value.resolve(doc) : from.value;
  if (isMap(holder)) {
    const pair = holder.items.find((p) => isScalar(p.key) && String(p.key.value) === String(step));
    return pair === undefined
      ? null
      : { key: pair.key as Node, value: pair.value as Node | null, depth: from.depth + 1 };
  }
  const item = isSeq(holder) ? (holder.items[Number(step)] as Node | undefined) : undefined;
  return item === undefined ? null : { key: item, value: item, depth: from.depth + 1 };
}
