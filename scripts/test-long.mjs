/**
 * `npm run test:long`: what continuous integration tries a little of, from seed after seed: worlds and stories of the
 * simulation, property tests, restarts at timers, kills of each part of the control plane. `test-long.json` keeps which seeds are done, so that
 * it goes on from there after an interruption; another commit begins anew. Ends at the first failure, naming its seed.
 *
 *     npm run test:long -- --seeds 200 --times 4
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MEMORY = join(ROOT, 'test-long.json');
const VITEST = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '40' }, times: { type: 'string', default: '4' } },
});
const [seeds, times] = [Number(values.seeds), Number(values.times)];
if (!Number.isInteger(seeds) || seeds < 1 || !(times >= 1)) {
  console.error('usage: npm run test:long -- [--seeds <whole number>] [--times <number from 1>]');
  process.exit(2);
}

const done = doneSeeds();
for (let seed = 1; seed <= seeds; seed += 1) {
  if (done.includes(seed)) continue;
  console.log(`\n=== seed ${seed} of ${seeds}`);
  if (!roundsPass(seed)) {
    console.error(
      `\nFailed. To repeat it: UNDERSTUDY_TEST_SEED=${seed} UNDERSTUDY_TEST_RUNS=${times} npx vitest run …`,
    );
    process.exit(1);
  }
  done.push(seed);
  writeFileSync(MEMORY, JSON.stringify({ commit: commit(), times, done }));
}
console.log(`\nAll passed: ${done.length} seeds, each ${times} times what \`npm test\` tries.`);

function roundsPass(seed) {
  const env = { ...process.env, UNDERSTUDY_TEST_SEED: String(seed), UNDERSTUDY_TEST_RUNS: String(times) };
  const rounds = [
    ['--project', 'sim'],
    ['--project', 'unit', `--testTimeout=${60_000 * times}`, ...propertyTests()],
    ['--project', 'workflows', 'test/workflows/restarts-at-timers.test.ts', 'test/workflows/absen'],
    ['--project', 'system', 'test/system/kills.test.ts', 'test/system/callers.test.ts'],
  ];
  return rounds.every(
    (args) => spawnSync(process.execPath, [VITEST, 'run', ...args], { cwd: ROOT, env, stdio: 'inherit' }).status === 0,
  );
}

/** Every unit test that tries random cases. */
function propertyTests() {
  const files = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' });
  const isOne = (name) => readFileSync(join(ROOT, 'test', name), 'utf8').includes('kit/runs.js');
  return files
    .filter((name) => name.endsWith('.test.ts') && !/^(system|sim|workflows)/.test(name) && isOne(name))
    .map((name) => join('test', name));
}

function doneSeeds() {
  if (!existsSync(MEMORY)) return [];
  const memory = JSON.parse(readFileSync(MEMORY, 'utf8'));
  return memory.commit === commit() && memory.times === times ? memory.done : [];
}

function commit() {
  return execFileSync('git', ['rev-parse', 'HEAD'], { cwd: ROOT, encoding: 'utf8' }).trim();
}
