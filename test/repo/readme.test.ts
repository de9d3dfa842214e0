/** What a newcomer reads first says what is there: verbs, ports, scripts, links and the example of a configuration. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { VERB_FILES } from '../../src/cli/verb-files.js';
import { portsOf } from '../../src/config/instance.js';
import { parseFleet } from '../../src/config/load.js';
import { ENGINES } from '../../src/domain/fleet.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const text = (name: string): string => readFileSync(join(ROOT, name), 'utf8');
const PAGES = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'];
const readme = text('README.md');

/** The part of the page below a heading. */
function section(heading: string): string {
  const parts = readme.split(/^## /mu);
  return parts.find((part) => part.startsWith(`${heading}\n`)) ?? '';
}

describe('the README', () => {
  test('has a row for every verb, and no other', () => {
    const rows = [...section('Verbs').matchAll(/^\| `([a-z-]+)` \|/gmu)].map((match) => match[1] ?? '');
    expect(rows.toSorted()).toEqual(Object.keys(VERB_FILES).toSorted());
  });

  test('tries no verb that is not there', () => {
    const used = [...readme.matchAll(/npx understudy ([a-z-]+)/gu)].map((match) => match[1] ?? '');
    expect(used.length).toBeGreaterThan(4);
    expect(used.filter((verb) => !Object.hasOwn(VERB_FILES, verb))).toEqual([]);
  });

  test('lists the ports that an instance uses', () => {
    const { simulated, ...single } = portsOf(0);
    const first = simulated(0);
    const rows = [...section('Ports and files').matchAll(/^\| \+(\d+)/gmu)].map((match) => Number(match[1]));
    expect(rows).toEqual([...Object.values(single), first.serve, first.control]);
  });

  test('shows a valid configuration', () => {
    const [, example = ''] = /```yaml\n([\s\S]*?)```/u.exec(readme) ?? [];
    expect(Object.keys(parseFleet(example, 'README.md').services)).toEqual(['chat']);
  });

  test('names every engine', () => {
    expect(ENGINES.filter((engine) => !readme.includes(`\`${engine}\``))).toEqual([]);
  });
});

describe.each(PAGES)('%s', (page) => {
  test('links only to what exists', () => {
    const targets = [...text(page).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/gu)].map((match) => match[1] ?? '');
    expect(targets.filter((target) => !existsSync(join(ROOT, target)))).toEqual([]);
  });

  test('names only scripts that package.json has', () => {
    const { scripts } = JSON.parse(text('package.json')) as { scripts: Record<string, string> };
    const named = [...text(page).matchAll(/npm run ([a-z:]+)/gu)].map((match) => match[1] ?? '');
    expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
  });

  test('names only files and folders of the sources that exist', () => {
    const named = [...text(page).matchAll(/`((?:src|test|docs|scripts)\/[\w./-]+)`/gu)].map((match) => match[1] ?? '');
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

test('the license is the whole text of Apache-2.0, as package.json says', () => {
  const { license } = JSON.parse(text('package.json')) as { license: string };
  expect(license).toBe('Apache-2.0');
  expect(text('LICENSE')).toMatch(/Apache License\s+Version 2\.0, January 2004[\s\S]*END OF TERMS AND CONDITIONS/u);
});
