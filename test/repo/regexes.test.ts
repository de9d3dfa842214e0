/** No regular expression of ours begins anew at each place of a long text: whoever sends the text would choose how long it takes. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';

interface Found {
  readonly where: string;
  readonly regex: RegExp;
}

/** Those that may match without a bound. */
function unboundedIn(file: string): Found[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const found: Found[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node)) {
      const [, pattern = '', flags = ''] = /^\/(.*)\/([a-z]*)$/s.exec(node.text) ?? [];
      const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1;
      if (/[*+]|\{\d+,\}/.test(pattern))
        found.push({ where: `${file}:${line} ${node.text}`, regex: new RegExp(pattern, flags.replace('y', '')) });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
const REGEXES = files.flatMap((name) => unboundedIn(join('src', name)));

/** What is said again and again, behind what may come first; nothing of it ends well. */
const UNITS = [
  ...'aA09 \t\n\r.-:/"\\=,;%<>_{}[]()|@#&?$+*`\'é\u2028',
  ...['a.', 'a-', 'a:', '1.', '0:', 'a ', '/a', '%a', '\\"', '""', '" ', 'a=', 'a,', '::', '//', '..', '<a', '\u001b['],
  ...['Bearer ', 'data: ', '"a"'],
];
const BEGINNINGS = ['', '"', '<', '{', 'a', ':', '"finish_reason"'];
const text = (beginning: string, unit: string, chars: number): string =>
  `${beginning}${unit.repeat(Math.ceil(chars / unit.length))}\u0001`;

const SMALL = 2_000;
const TIMES = 8;
/** Eight times as long takes some eight times as long; sixty-four times where it begins anew at each place. */
const GROWTH_MAX = 24;
/** Whatever takes less is too short to be compared. */
const NOTHING_MS = 5;
const ROUNDS = 5;

function costOf({ regex }: Found, subject: string): number {
  const before = process.cpuUsage();
  regex.lastIndex = 0;
  regex.exec(subject);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

/** The least of a few rounds: any may have met a collection. */
function growth(found: Found, beginning: string, unit: string): number {
  let least = { small: Infinity, large: Infinity };
  for (let round = 0; round < ROUNDS; round++) {
    const large = costOf(found, text(beginning, unit, SMALL * TIMES));
    least = {
      small: Math.min(least.small, costOf(found, text(beginning, unit, SMALL))),
      large: Math.min(least.large, large),
    };
    if (least.large < NOTHING_MS) return 0;
  }
  return least.large / Math.max(least.small, NOTHING_MS / GROWTH_MAX);
}

const ATTACKS = BEGINNINGS.flatMap((beginning) => UNITS.map((unit) => ({ beginning, unit })));

test('there are some', () => expect(REGEXES.length).toBeGreaterThan(20));

test('each takes time in proportion to what it is given', () => {
  const slow = REGEXES.flatMap((found) => {
    const worst = ATTACKS.find(({ beginning, unit }) => growth(found, beginning, unit) > GROWTH_MAX);
    return worst === undefined ? [] : [`${found.where} for ${JSON.stringify(worst)}, again and again`];
  });
  expect(slow).toEqual([]);
});
