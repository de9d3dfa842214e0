/** Turns the schema's findings into sentences for people: what is wrong, and the fix. Values are never repeated: one of them might be a secret. */
import type { z } from 'zod';
import { keysAt, schemaAt, type SchemaNode } from './json-schema.js';
import { nearest } from './nearest.js';
import { spellPath, type ConfigPath, type Problem } from './problem.js';

type Issue = z.core.$ZodIssue;

interface Place {
  readonly root: SchemaNode;
  readonly path: ConfigPath;
  /** False when nothing stands there in the file. */
  readonly present: (path: ConfigPath) => boolean;
}

/**
 * Problems behind one finding of the schema; several when one finding holds several (unknown keys, alternatives).
 * `present` tells whether the file has something at a path, so that a missing key is called missing.
 */
export function explainIssue(
  root: SchemaNode,
  issue: Issue,
  present: (path: ConfigPath) => boolean,
): readonly Problem[] {
  return explainAt({ root, present, path: keysOnly(issue.path) }, issue);
}

const keysOnly = (path: readonly PropertyKey[]): ConfigPath =>
  path.map((key) => (typeof key === 'symbol' ? String(key) : key));

function explainAt(place: Place, issue: Issue): readonly Problem[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(place, key));
  if (issue.code === 'invalid_union') return alternatives(place, issue);
  if (issue.code === 'invalid_key') {
    return [{ path: place.path, at: 'key', wrong: 'this is not a name that can be used', fix: NAME_FIX }];
  }
  return [wrongValue(place, issue)];
}

const NAME_FIX = 'use 1 to 63 lower-case letters, digits and hyphens, a letter or digit at both ends';

function unknownKey({ root, path }: Place, key: string): Problem {
  const fix = (): string => {
    const known = keysAt(root, path);
    const guess = nearest(key, known);
    if (guess !== null) return `did you mean \`${guess}\`?`;
    return known.length === 0 ? 'remove it' : `one of ${known.join(', ')}`;
  };
  return {
    path: [...path, key],
    at: 'key',
    wrong: `unknown key \`${key.slice(0, 64)}\``,
    fix,
  };
}

/** Of a switch-off or a table, the table is what somebody meant who wrote one. */
function alternatives(place: Place, issue: Extract<Issue, { code: 'invalid_union' }>): readonly Problem[] {
  const meant = issue.errors.find((branch) =>
    branch.every((i) => !(i.path.length === 0 && /^invalid_(type|value)$/.test(i.code))),
  );
  if (meant === undefined) {
    return [
      {
        path: place.path,
        at: 'value',
        wrong: `\`${spellPath(place.path)}\` must be a table or \`false\``,
        fix: `one of ${keysAt(place.root, place.path).join(', ')} inside, or \`false\` to switch the check off`,
      },
    ];
  }
  return meant.flatMap((inner) => explainAt({ ...place, path: [...place.path, ...keysOnly(inner.path)] }, inner));
}

function wrongValue({ root, path, present }: Place, issue: Issue): Problem {
  const schema = schemaAt(root, path);
  if (!present(path)) return missing(path, schema);
  const custom = issue.code === 'custom' && typeof issue.params?.['fix'] === 'string' ? issue.params['fix'] : null;
  return { path, at: 'value', wrong: sentence(path, issue), fix: custom ?? fixOf(issue, schema) };
}

function missing(path: ConfigPath, schema: SchemaNode | null): Problem {
  const key = String(path.at(-1) ?? 'content');
  const what = schema?.description === undefined ? '' : ` (${schema.description.replace(/\.$/, '')})`;
  return { path, at: 'value', wrong: `\`${spellPath(path)}\` is missing`, fix: `add \`${key}:\`${what}` };
}

const KIND_WORDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  array: 'a list',
  object: 'a table of keys',
  record: 'a table of keys',
  boolean: 'true or false',
};
const kindWord = (kind: string): string => KIND_WORDS[kind] ?? kind;

function sentence(path: ConfigPath, issue: Issue): string {
  const where = path.length === 0 ? 'the file' : `\`${spellPath(path)}\``;
  if (issue.code === 'invalid_type') return `${where} must be ${kindWord(issue.expected)}`;
  if (issue.code === 'invalid_value') return `${where} is none of the words known here`;
  if (issue.code === 'too_small') return `${where} is too small`;
  if (issue.code === 'too_big') return `${where} is too large`;
  return `${where}: ${issue.message}`;
}

function fixOf(issue: Issue, schema: SchemaNode | null): string {
  if (schema?.fix !== undefined) return schema.fix;
  if (issue.code === 'invalid_value') return `write ${issue.values.map(String).join(', or ')}`;
  if (issue.code === 'too_small')
    return `${issue.inclusive === false ? 'more than' : 'at least'} ${String(issue.minimum)}`;
  if (issue.code === 'too_big') return `at most ${String(issue.maximum)}`;
  if (issue.code === 'invalid_type' && isDuration(schema))
    return 'write a number with a unit, such as 500ms, 2s, 10m or 1h';
  if (issue.code === 'invalid_type') return `write ${kindWord(issue.expected)}`;
  return schema?.description ?? 'see docs/configuration.md';
}

const isDuration = (schema: SchemaNode | null): boolean => schema?.pattern?.includes('(ms|s|m|h)') ?? false;
