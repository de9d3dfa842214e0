/** docs/security.md promises nothing without a test: every row names one that exists. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const HEAD = ['What', 'Rule or limit', 'Test'];
/** A file, and where one test of it is meant its title. */
const NAMED = /`(test\/[\w./-]+\.test\.ts)`(?: › "([^"]+)")?/gu;

const page = readFileSync(join(ROOT, 'docs/security.md'), 'utf8');

/** Rows of every table with the head "What | Rule or limit | Test". */
function rules(): readonly (readonly string[])[] {
  let inside = false;
  return page.split('\n').flatMap((line) => {
    const cells = line.startsWith('|')
      ? line
          .split(/(?<!\\)\|/u)
          .slice(1, -1)
          .map((cell) => cell.trim())
      : [];
    if (cells.length === 0) inside = false;
    if (cells.join() === HEAD.join()) inside = true;
    else if (inside && !/^-+$/u.test(cells[0] ?? '')) return [cells];
    return [];
  });
}

describe('docs/security.md', () => {
  test('has rules', () => {
    expect(rules().length).toBeGreaterThan(15);
    expect(rules().filter((cells) => cells.length !== HEAD.length || cells.includes(''))).toEqual([]);
  });

  test.each(rules().map((cells) => [cells.slice(0, 2).join(': '), cells[2] ?? ''] as const))('%s', (_rule, proof) => {
    const named = [...proof.matchAll(NAMED)];
    expect(named, 'names a test').not.toEqual([]);
    expect(proof.replaceAll(NAMED, '').replaceAll(/[\s,;]/gu, ''), 'names nothing else').toBe('');
    for (const [, file = '', title] of named) {
      expect(existsSync(join(ROOT, file)), file).toBe(true);
      if (title !== undefined) expect(titlesOf(file)).toContain(title);
    }
  });
});

/** Every quoted text of a file that is followed by a comma: titles of tests and of groups are. */
function titlesOf(file: string): readonly string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [...text.matchAll(/(['"`])((?:(?!\1)[^\n])+)\1,/gu)].map((match) => match[2] ?? '');
}
