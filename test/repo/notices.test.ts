/** THIRD_PARTY_NOTICES.md names what package-lock.json holds, and nothing comes under a licence that nobody has allowed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const page = read('THIRD_PARTY_NOTICES.md');

/** Licences that an Apache-2.0 program may be given on with. */
const ALLOWED = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC-BY-4.0',
  'ISC',
  'MIT',
  'MPL-2.0',
  'Unlicense',
]);

const rowsOf = (title: string): string[][] =>
  (page.split(`## ${title}\n`)[1]?.split('\n## ')[0] ?? '')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| Package') && !line.startsWith('| Module'))
    .map((line) => line.slice(2, -2).split(' | '));

test('every package that runs is named with its version and an allowed licence (`npm run notices` writes it anew)', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { version: string; dev?: true }>;
  };
  const wanted = Object.entries(packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true)
    .map(([path, { version }]) => `${path.replace(/^.*node_modules\//, '')} ${version}`);
  const rows = rowsOf('Packages');
  expect(rows.map(([name, version]) => `${name} ${version}`).sort()).toEqual([...new Set(wanted)].sort());
  expect(rows.filter(([, , licence = '']) => !licence.split(' AND ').every((each) => ALLOWED.has(each)))).toEqual([]);
});

test('every module of the Temporal CLI is named with its version, and none has a licence that is not allowed', () => {
  const wanted = [...read('tools/temporal/go.mod').matchAll(/^\s+(\S+) (v\S+)/gmu)].map(
    ([, name, v]) => `${name} ${v}`,
  );
  const rows = rowsOf('Modules of the Temporal CLI');
  expect(wanted.length).toBeGreaterThan(100);
  expect(rows.map(([name, version]) => `${name} ${version}`)).toEqual(expect.arrayContaining(wanted));
  const others = rows.filter(([, , licence = '']) => !ALLOWED.has(licence) && !licence.startsWith('not read'));
  expect(others).toEqual([]);
});

test('unionfs, which names no licence, is the Unlicense by its file', () => {
  expect(read('node_modules/unionfs/LICENSE')).toContain(
    'This is free and unencumbered software released into the public domain.',
  );
  expect(page).toContain('This is free and unencumbered software released into the public domain.');
});
