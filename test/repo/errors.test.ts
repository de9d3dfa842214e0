/** docs/errors.md and the registry name the same codes, with the same family, meaning and exit status. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ERRORS, EXIT_BY_FAMILY, HTTP_STATUS_BY_FAMILY } from '../../src/domain/errors.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const rows = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.split(/(?<!\\)\|/u).map((cell) => cell.trim()));
const codeRows = rows.filter((row) => row.length === 6);
const familyRows = rows.filter((row) => row.length === 7);
const unquoted = (cell = ''): string => cell.replaceAll('`', '');

test('every code is documented, with its family, meaning and fix, and no other', () => {
  const documented = Object.fromEntries(
    codeRows.map(([, code, family, meaning, fix]) => [unquoted(code), { family, meaning, fix }]),
  );
  const registered = Object.fromEntries(
    Object.entries(ERRORS).map(([code, { family, meaning, fix }]) => [code, { family, meaning, fix }]),
  );
  expect(documented).toEqual(registered);
});

test('every family is documented with its exit status and its HTTP status', () => {
  const documented = Object.fromEntries(
    familyRows.map(([, family, , , exit, http]) => [unquoted(family), [Number(exit), Number(http)]]),
  );
  const families = Object.keys(EXIT_BY_FAMILY) as (keyof typeof EXIT_BY_FAMILY)[];
  expect(documented).toEqual(
    Object.fromEntries(families.map((f) => [f, [EXIT_BY_FAMILY[f], HTTP_STATUS_BY_FAMILY[f]]])),
  );
});

test('every code is used somewhere in the sources', () => {
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && path !== join('domain', 'errors.ts'))
    .map((path) => readFileSync(join(ROOT, 'src', path), 'utf8'))
    .join('\n');
  expect(Object.keys(ERRORS).filter((code) => !sources.includes(`'${code}'`))).toEqual([]);
});
