/** Style that no test enforces decays: what a reader relies on and no other tool checks. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, extname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SOURCE_FOLDERS = ['src', 'test', 'bin', 'scripts', 'docs', 'deploy', 'examples', 'tools', 'web'];
const TEXT_FILES = new Set([
  '.ts',
  '.tsx',
  '.js',
  '.mjs',
  '.cjs',
  '.md',
  '.yaml',
  '.yml',
  '.go',
  '.css',
  '.html',
  '.sh',
]);
const NOT_OURS = new Set(['node_modules', 'dist', 'fixtures', 'histories', '.understudy']);
const LINES_MAX = 350;
const BANNED_NAMES = ['util', 'utils', 'helper', 'helpers', 'manager', 'common', 'misc'];
/** Why these writes carry no epoch; one that gets an epoch must leave this list. */
const WITHOUT_EPOCH: Readonly<Record<string, string>> = {
  define: 'describes clusters to the layer and moves no traffic; the layer keeps its own epoch',
  forget: 'the service is retired: no move can run on it any more',
};

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (NOT_OURS.has(entry.name)) return [];
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

const files = SOURCE_FOLDERS.flatMap((folder) => filesBelow(join(ROOT, folder)));
const named = (path: string): string => relative(ROOT, path).split(sep).join('/');
const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

describe('the sources', () => {
  test('are found', () => {
    expect(files.length).toBeGreaterThan(50);
  });

  test('hold no note to be done later', () => {
    // In two halves, so that this file is not one of its own findings.
    const note = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME'].join('|')})\\b`, 'u');
    const found = files.filter((path) => TEXT_FILES.has(extname(path)) && note.test(readFileSync(path, 'utf8')));
    expect(found.map(named)).toEqual([]);
  });

  test('have names that say what is inside', () => {
    const banned = new RegExp(`(^|[-.])(${BANNED_NAMES.join('|')})([-.]|$)`, 'u');
    expect(files.filter((path) => banned.test(basename(path))).map(named)).toEqual([]);
  });

  test(`have no file in src of more than ${LINES_MAX} lines`, () => {
    const long = files
      .filter((path) => named(path).startsWith('src/'))
      .filter((path) => readFileSync(path, 'utf8').split('\n').length > LINES_MAX + 1);
    expect(long.map(named)).toEqual([]);
  });

  test('say nothing of the machine that they were written on', () => {
    const place = /(^|[\s'"`(])\/(home|Users|root)\/[a-z]/u;
    const found = files.filter((path) => TEXT_FILES.has(extname(path)) && place.test(readFileSync(path, 'utf8')));
    expect(found.map(named)).toEqual([]);
  });
});

describe('the workflows', () => {
  test('ask for the time in one place', () => {
    const asks = files
      .map(named)
      .filter((path) => path.startsWith('src/workflows/'))
      .filter((path) => /\bDate\.now\b|new Date\(\)|\bperformance\b|no-restricted-properties/u.test(text(path)));
    expect(asks).toEqual(['src/workflows/clock.ts']);
  });

  test('are bundled with what keeps first run and replay alike', () => {
    for (const path of ['scripts/build.mjs', 'test/kit/bundle-setup.ts'])
      expect(text(path)).toContain('workflowInterceptorModules: [');
  });
});

describe('the documents', () => {
  test('list every folder of src, and no other', () => {
    const listed = [...text('docs/architecture.md').matchAll(/^\| `src\/([a-z]+)\/` \|/gmu)].map((match) => match[1]);
    const folders = readdirSync(join(ROOT, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(listed.toSorted()).toEqual(folders.map((entry) => entry.name).toSorted());
  });

  test('give every folder the imports that the linter allows it', () => {
    const rules = new Map(
      [...text('.dependency-cruiser.cjs').matchAll(/^\s*row\(\s*'([a-z]+)'/gmu)].map((match) => [match[1], true]),
    );
    const folders = readdirSync(join(ROOT, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.map((entry) => entry.name).filter((name) => !rules.has(name))).toEqual([]);
  });

  test('explain every word that the code defines', () => {
    const glossary = text('docs/glossary.md');
    const words = [...text('src/domain/words.ts').matchAll(/^ {2}'([a-z]+)',$/gmu)].map((match) => match[1] ?? '');
    expect(words.length).toBeGreaterThan(10);
    expect(words.filter((word) => !glossary.includes(`\`${word}\``))).toEqual([]);
  });

  test('link only to what exists', () => {
    const pages = files.filter((path) => named(path).startsWith('docs/') && extname(path) === '.md');
    const broken = pages.flatMap((page) =>
      [...readFileSync(page, 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/gu)]
        .map((match) => match[1] ?? '')
        .filter((target) => !existsSync(join(page, '..', target)))
        .map((target) => `${named(page)} -> ${target}`),
    );
    expect(broken).toEqual([]);
  });

  test('have an entry in the CHANGELOG for the version of package.json', () => {
    const { version } = JSON.parse(text('package.json')) as { version: string };
    const heading = new RegExp(`^## \\[?${version.replaceAll('.', '\\.')}\\b`, 'mu');
    expect(existsSync(join(ROOT, 'CHANGELOG.md')) ? text('CHANGELOG.md') : '').toMatch(heading);
  });
});

test('everything that can hurt carries the epoch of its move, or has a reason', () => {
  const ports = text('src/workflows/ports.ts');
  const body = /export interface Mutate \{([\s\S]*?)\n\}/u.exec(ports)?.[1] ?? '';
  const methods = [...body.matchAll(/^ {2}([a-zA-Z]+)\((.*?)\): Promise</gmsu)].map((match) => ({
    name: match[1] ?? '',
    order: match[2] ?? '',
  }));
  expect(methods.length).toBeGreaterThan(4);
  const bare = methods.filter(({ order }) => !/\b(epoch|WriteOf)\b/u.test(order)).map(({ name }) => name);
  expect(bare.toSorted()).toEqual(Object.keys(WITHOUT_EPOCH).toSorted());
});
