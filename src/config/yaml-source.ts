/** Reads YAML and remembers where each value stands. Bounded: size, aliases, nesting. */
import {
  type Scalar,
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
  type YAMLMap,
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
  try {
    return readDocument(text);
  } catch (error) {
    // The reader goes down by recursion: what is nested too deep ends its stack.
    if (!(error instanceof RangeError)) throw error;
  }
  return { content: undefined, errors: [TOO_DEEP], has: () => false, positionOf: () => ({ line: 1, column: 1 }) };
}

const TOO_DEEP: SourceError = {
  line: 1,
  column: 1,
  wrong: 'tables and lists stand inside each other too deep to be read',
  fix: 'no setting is that deep; is this the right file?',
};

function readDocument(text: string): YamlSource {
  const lines = new LineCounter();
  const doc = parseDocument(text, {
    lineCounter: lines,
    // The reader's own check compares each key with each other one; ours is below.
    uniqueKeys: false,
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
  } catch (error) {
    if (error instanceof RangeError) throw error;
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

const TWICE = { wrong: 'this key stands here twice', fix: 'keep one of them' } as const;

function wordsFor(code: string, message: string): { readonly wrong: string; readonly fix: string } {
  if (code === 'MULTIPLE_DOCS')
    return { wrong: 'a second YAML document begins here', fix: 'keep one document in the file' };
  // The reader's own words may quote the file; the first line does so least.
  return {
    wrong: `this is not YAML: ${message.split('\n')[0] ?? code}`,
    fix: 'check quotes, colons and indentation here',
  };
}

/** Keys that JavaScript gives a meaning of its own, keys that are no text, and keys that stand twice. */
function forbiddenKeys(doc: Document, place: (offset: number) => Position): SourceError[] {
  const found: SourceError[] = [];
  visit(doc, {
    Map: (_, map) => {
      const seen = new Set<string>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        const name = keyText(key);
        // A merge key may stand more than once.
        if (seen.has(name) && name !== '<<') found.push({ ...place(key.range?.[0] ?? 0), ...TWICE });
        seen.add(name);
      }
    },
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

const pairs = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>();

/** As it is written in a path; keys may be numbers. */
const keyText = ({ value }: Scalar): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** By key, made once a table: each problem looks its place up. */
function pairsOf(map: YAMLMap): ReadonlyMap<string, Pair> {
  const known = pairs.get(map);
  if (known !== undefined) return known;
  const made = new Map(map.items.flatMap((pair) => (isScalar(pair.key) ? [[keyText(pair.key), pair] as const] : [])));
  pairs.set(map, made);
  return made;
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
    const pair = pairsOf(holder).get(String(step));
    return pair === undefined
      ? null
      : { key: pair.key as Node, value: pair.value as Node | null, depth: from.depth + 1 };
  }
  const item = isSeq(holder) ? (holder.items[Number(step)] as Node | undefined) : undefined;
  return item === undefined ? null : { key: item, value: item, depth: from.depth + 1 };
}
