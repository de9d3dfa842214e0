/**
 * What `npm test` runs: types, lint, then every kind of test, cheapest first; the first failure ends it.
 * `--only NAME` runs one part (types, lint, unit, sim, workflows, replay, clients, system).
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Each part: its name and its commands (a package's script below node_modules, and arguments). */
const PARTS = [
  [
    'types',
    [
      ['typescript/bin/tsc', '-p', 'tsconfig.json', '--noEmit'],
      ['typescript/bin/tsc', '-p', 'tsconfig.pure.json'],
    ],
  ],
  [
    'lint',
    [
      ['eslint/bin/eslint.js', '.'],
      ['prettier/bin/prettier.cjs', '--check', '.'],
      ['dependency-cruiser/bin/dependency-cruise.mjs', 'src', '--config', '.dependency-cruiser.cjs'],
    ],
  ],
  ...['unit', 'sim', 'workflows', 'replay', 'clients', 'system'].map((project) => [
    project,
    [['vitest/vitest.mjs', 'run', '--project', project]],
  ]),
];

function main() {
  const only = wantedPart();
  const parts = only === null ? PARTS : PARTS.filter(([name]) => name === only);
  if (parts.length === 0) {
    console.error(`There is no part "${only}"; there are: ${PARTS.map(([name]) => name).join(', ')}`);
    return 2;
  }
  const startedAt = Date.now();
  for (const [name, commands] of parts) {
    if (runPart(name, commands)) continue;
    console.error(`\nFailed: ${name}. To run just this part: npm test -- --only ${name}`);
    return 1;
  }
  console.log(`\nAll passed (${seconds(startedAt)}).`);
  return 0;
}

function wantedPart() {
  const at = process.argv.indexOf('--only');
  return at < 0 ? null : (process.argv[at + 1] ?? '');
}

function runPart(name, commands) {
  console.log(`\n=== ${name}`);
  const startedAt = Date.now();
  const ok = commands.every(([script, ...args]) => {
    const command = [join(ROOT, 'node_modules', script), ...args];
    return spawnSync(process.execPath, command, { cwd: ROOT, stdio: 'inherit' }).status === 0;
  });
  console.log(`=== ${name}: ${ok ? 'passed' : 'FAILED'} (${seconds(startedAt)})`);
  return ok;
}

const seconds = (sinceMs) => `${((Date.now() - sinceMs) / 1000).toFixed(1)} s`;

process.exitCode = main();
