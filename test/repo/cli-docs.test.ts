/** docs/cli.md has every verb and every option of the program, and no other. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { VERB_FILES } from '../../src/cli/verb-files.js';

const page = readFileSync(fileURLToPath(new URL('../../docs/cli.md', import.meta.url)), 'utf8');
/** Described once, for all verbs. */
const SHARED = ['--json', '--data-dir', '--temporal', '--namespace', '--gateway-admin', '--by'];

const commands = await Promise.all(
  Object.entries(VERB_FILES).map(async ([name, file]) => [name, await file.load()] as const),
);

function leaves(name: string, command: Command): (readonly [string, Command])[] {
  if (command.commands.length === 0) return [[name, command]];
  return command.commands.flatMap((sub) => leaves(`${name} ${sub.name()}`, sub));
}

const verbs = commands.flatMap(([name, command]) => leaves(name, command));
const ROW = /^\| `understudy (?<usage>[^`]+)` \|(?<options>[^|]*)\|/u;
const documented = page.split('\n').flatMap((line) => {
  const { usage, options } = ROW.exec(line)?.groups ?? {};
  if (usage === undefined) return [];
  return [{ name: usage.replace(/ [<[].*$/u, ''), options: options?.match(/--[a-z-]+/gu) ?? [] }];
});

test('every verb has its row', () => {
  expect(documented.map((row) => row.name).sort()).toEqual(verbs.map(([name]) => name).sort());
});

test.each(verbs)('%s: every option of its own is in its row, and no other', (name, command) => {
  const own = command.options.flatMap((option) => option.long ?? []).filter((long) => !SHARED.includes(long));
  const row = documented.find((r) => r.name === name);
  expect([...(row?.options ?? [])].filter((o: string) => !SHARED.includes(o)).sort()).toEqual([...own].sort());
});

test('a verb is listed under the name that its command has', () => {
  for (const [name, command] of commands) expect(command.name()).toBe(name);
});

test('the options of all verbs are described', () => {
  for (const option of SHARED) expect(page).toContain(`\`${option}`);
});
