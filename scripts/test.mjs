/**
 * What `npm test` runs: types, lint, then every kind of test, in stages; the parts of a stage run beside each other, and
 * the first failure ends everything. Each part's output is printed in one piece, in the order below.
 * `--only NAME` runs one part (types, lint, unit, sim, replay, clients, browser, fuzz, workflows, system).
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** What a stopped command is given to end what it started. */
const STOP_MS_MAX = 10_000;

/** Each part: its commands, one after the other (a package's script below node_modules, and arguments). */
const tests = (project) => [['vitest/vitest.mjs', 'run', '--project', project]];
const PARTS = {
  types: [
    ['typescript/bin/tsc', '-p', 'tsconfig.json', '--noEmit'],
    ['typescript/bin/tsc', '-p', 'tsconfig.pure.json'],
  ],
  lint: [
    ['eslint/bin/eslint.js', '.'],
    ['prettier/bin/prettier.cjs', '--check', '.'],
    ['dependency-cruiser/bin/dependency-cruise.mjs', 'src', '--config', '.dependency-cruiser.cjs'],
  ],
  unit: tests('unit'),
  sim: tests('sim'),
  replay: tests('replay'),
  clients: tests('clients'),
  browser: tests('browser'),
  fuzz: tests('fuzz'),
  workflows: tests('workflows'),
  system: tests('system'),
};
/** Cheapest first. What starts servers and many processes has the machine to itself. */
const STAGES = [
  ['types', 'lint', 'unit'],
  ['sim', 'replay', 'clients', 'browser'],
  ['fuzz'],
  ['workflows'],
  ['system'],
];

async function main() {
  const only = wantedPart();
  if (only !== null && !Object.hasOwn(PARTS, only)) {
    console.error(`There is no part "${only}"; there are: ${Object.keys(PARTS).join(', ')}`);
    return 2;
  }
  const startedAt = Date.now();
  const passed = [];
  for (const names of only === null ? STAGES : [[only]]) {
    const failed = await runBeside(names.map((name) => new Part(name)));
    if (failed !== null) {
      console.error(`\nFailed: ${failed.name} (${failed.command}).`);
      console.error(`To run just this part: npm test -- --only ${failed.name}`);
      return 1;
    }
    passed.push(...names);
  }
  console.log(`\nAll passed: ${passed.join(', ')} (${seconds(startedAt)}).`);
  return 0;
}

function wantedPart() {
  const at = process.argv.indexOf('--only');
  return at < 0 ? null : (process.argv[at + 1] ?? '');
}

/** Runs the parts at once and prints them in order. @returns the first one that failed, `null` when none did */
async function runBeside(parts) {
  let failed = null;
  const runs = parts.map(async (part) => {
    if ((await part.run()) || failed !== null) return;
    failed = part;
    for (const other of parts) if (other !== part) other.stop();
  });
  for (const [i, part] of parts.entries()) {
    part.print();
    await runs[i];
    if (failed !== null) break;
  }
  await Promise.all(runs);
  failed?.print();
  return failed;
}

/** One part: runs its commands, and keeps what they say until it is printed. */
class Part {
  command = '';
  #said = [];
  #printed = false;
  #stopped = false;
  #child = null;

  constructor(name) {
    this.name = name;
    this.#say(`\n=== ${name}\n`);
  }

  /** @returns whether every command passed */
  async run() {
    const startedAt = Date.now();
    let ok = true;
    for (const [script, ...args] of PARTS[this.name]) {
      this.command = [script.split('/').at(-1).split('.')[0], ...args].join(' ');
      ok = ok && !this.#stopped && (await this.#runOne([join(ROOT, 'node_modules', script), ...args]));
      if (!ok) break;
    }
    const outcome = ok ? 'passed' : this.#stopped ? 'stopped' : 'FAILED';
    this.#say(`=== ${this.name}: ${outcome} (${seconds(startedAt)})\n`);
    return ok;
  }

  /** From now on what it says is printed at once, after what it said so far. */
  print() {
    this.#printed = true;
    for (const chunk of this.#said.splice(0)) process.stdout.write(chunk);
  }

  stop() {
    this.#stopped = true;
    this.#child?.kill('SIGTERM');
    setTimeout(() => this.#child?.kill('SIGKILL'), STOP_MS_MAX).unref();
  }

  async #runOne(command) {
    const env = process.stdout.isTTY ? { ...process.env, FORCE_COLOR: '1' } : process.env;
    const child = spawn(process.execPath, command, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    child.stdout.on('data', (chunk) => this.#say(chunk));
    child.stderr.on('data', (chunk) => this.#say(chunk));
    return await new Promise((resolve) => child.on('close', (status) => resolve(status === 0)));
  }

  #say(chunk) {
    if (this.#printed) process.stdout.write(chunk);
    else this.#said.push(chunk);
  }
}

const seconds = (sinceMs) => `${((Date.now() - sinceMs) / 1000).toFixed(1)} s`;

process.exitCode = await main();
