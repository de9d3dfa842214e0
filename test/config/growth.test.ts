/** A file that means harm is read in time that grows with its size, and told in a bounded number of lines. */
import { describe, expect, test } from 'vitest';
import { parseFleet } from '../../src/config/load.js';

/** All work of the process, ms; other processes do not count. */
function workOf(act: () => void): number {
  const before = process.cpuUsage();
  act();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

function messageOf(text: string): string {
  try {
    parseFleet(text, 'f.yaml');
  } catch (error) {
    return (error as Error).message;
  }
  return '';
}

const lines = (n: number, line: (i: number) => string): string =>
  Array.from({ length: n }, (_, i) => line(i)).join('\n');
const cluster = (i: number): string => `  c${i}: { url: "http://h:1", region: eu, engine: vllm, model: m }`;

const HARMFUL: readonly (readonly [name: string, file: (n: number) => string])[] = [
  ['unknown keys', (n) => `version: 1\n${lines(n, (i) => `servicess${i}: 1`)}`],
  ['unknown keys of one table', (n) => `version: 1\ngateway:\n${lines(n, (i) => `  workerss${i}: 1`)}`],
  ['the same key', (n) => `version: 1\n${lines(n, () => 'gateway: {}')}`],
  ['wrong values', (n) => `version: 1\nclusters:\n${lines(n, (i) => `  c${i}: 1`)}`],
  ['clusters', (n) => `version: 1\nclusters:\n${lines(n, cluster)}`],
  [
    'members that are unknown',
    (n) =>
      `version: 1\nclusters:\n${cluster(0)}\nservices:\n  s:\n    clusters:\n${lines(n, (i) => `      - { name: x${i}, role: primary }`)}`,
  ],
  [
    'the same member',
    (n) =>
      `version: 1\nclusters:\n${cluster(0)}\nservices:\n  s:\n    clusters:\n${lines(n, () => '      - { name: c0 }')}`,
  ],
  [
    'keys for unknown services',
    (n) => `version: 1\ngateway:\n  keys:\n    - { name: k, sha256: a, services: [${lines(n, (i) => `s${i},`)}] }`,
  ],
  ['vantages', (n) => `version: 1\nvantages: [${lines(n, (i) => `v${i},`)}]`],
];

describe.each(HARMFUL)('a file of many %s', (_name, file) => {
  test('costs twice as much for twice as many, and is told in a bounded number of lines', () => {
    const [few, many] = [file(500), file(4_000)];
    messageOf(few);
    const some = Math.min(...[1, 2].map(() => workOf(() => messageOf(few))));
    let message = '';
    const more = workOf(() => (message = messageOf(many)));
    // Eight times as many: a square would be 64 times the work.
    expect(more).toBeLessThan(24 * Math.max(some, 5));
    expect(message.split('\n').length).toBeLessThanOrEqual(51);
    expect(message.length).toBeLessThan(40_000);
  });
});

test('sixty thousand unknown keys are told as fifty and a number', () => {
  const message = messageOf(`version: 1\n${lines(60_000, (i) => `key${i}: 1`)}`);
  expect(message).toMatch(/f\.yaml:2:1: unknown key `key0`/);
  expect(message).toMatch(/\nand \d{5} more$/);
});

test.each([
  ['lists in each other', '['.repeat(50_000)],
  ['whole lists in each other', '['.repeat(50_000) + ']'.repeat(50_000)],
  ['tables in each other', '{a: '.repeat(50_000)],
  ['dashes', '- '.repeat(50_000)],
  ['indentation', lines(1_200, (i) => `${' '.repeat(i)}a:`)],
])('%s, too deep, are named and end nothing', (_name, text) => {
  expect(messageOf(`version: 1\nclusters: ${text}`)).toMatch(/^f\.yaml:\d+:\d+: /);
});

test('a bomb of anchors is refused', () => {
  const bomb = lines(20, (i) => `a${i + 1}: &a${i + 1} [${Array(10).fill(`*a${i}`).join(', ')}]`);
  expect(messageOf(`version: 1\na0: &a0 [x]\n${bomb}`)).toContain('anchors are used more than');
});
