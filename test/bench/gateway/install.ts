/** Puts other gateways into Understudy's cache folder, once, each in a folder of its own with pinned versions. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../../../src/temporal/find-binary.js';
import { withFolderLock } from '../../../src/temporal/folder-lock.js';
import { progress } from '../stage.js';

/** LiteLLM has some hundred dependencies: 1 min with a near registry, more on a busy machine. */
const INSTALL_MS_MAX = 15 * 60_000;
/** Nobody should wonder whether it still goes on. */
const TELL_EVERY_MS = 15_000;
/** Of a failed step's words so many are shown. */
const WORDS_SHOWN = 1_500;

export interface Recipe {
  readonly name: string;
  /** What is installed, with versions: other ones than those that are there are installed anew. */
  readonly packages: readonly string[];
  /** Programs with their arguments, one after the other, in the folder. */
  readonly steps: (folder: string) => readonly (readonly string[])[];
  /** Files of the folder that must be there before the first step. */
  readonly files?: Readonly<Record<string, string>>;
}

/** @returns the folder @throws Error that names the step, its cause and what to do */
export async function install(recipe: Recipe): Promise<string> {
  const gateways = join(cacheFolder(process.env), 'gateways');
  const folder = join(gateways, recipe.name);
  await mkdir(gateways, { recursive: true });
  const onWait = (): void => progress(`another run is installing ${recipe.name}; waiting for it`);
  const lock = { staleAfterMs: 20_000, waitMsMax: INSTALL_MS_MAX, onWait };
  await withFolderLock(`${folder}.lock`, lock, async () => await installOnce(recipe, folder));
  return folder;
}

/** The mark is written last: a folder without it is left over from a run that was ended half-way. */
async function installOnce({ name, packages, steps, files = {} }: Recipe, folder: string): Promise<void> {
  const mark = join(folder, 'installed');
  const wanted = packages.join('\n');
  if (existsSync(mark) && readFileSync(mark, 'utf8') === wanted) return;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text);
  const begun = Date.now();
  const seconds = (): number => Math.round((Date.now() - begun) / 1_000);
  progress(`installing ${packages.join(', ')} into ${folder}`);
  const telling = setInterval(() => progress(`still installing ${name} (${seconds()} s)`), TELL_EVERY_MS);
  try {
    for (const step of steps(folder)) await run(step, folder);
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw new Error(
      `${name} could not be installed: ${cause}\nNext: see that python3 with venv, npm and their registries are there ` +
        `(the step can be repeated by hand in ${folder}), or leave --${name} out`,
      { cause: error },
    );
  } finally {
    clearInterval(telling);
  }
  await writeFile(mark, wanted);
  progress(`${name} is installed (${seconds()} s)`);
}

async function run([program = '', ...args]: readonly string[], cwd: string): Promise<void> {
  let words = '';
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], timeout: INSTALL_MS_MAX });
  const listen = (chunk: Buffer): void => {
    words = (words + chunk.toString()).slice(-WORDS_SHOWN);
  };
  child.stdout.on('data', listen);
  child.stderr.on('data', listen);
  const ended = await new Promise<number | string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  if (ended !== 0) throw new Error(`"${[program, ...args].join(' ')}" ended with ${ended}: ${words.trim()}`);
}

/** A Python of its own, with packages of PyPI. Its programs are in `bin`. */
export const pythonRecipe = (name: string, packages: readonly string[]): Recipe => ({
  name,
  packages,
  steps: (folder) => [
    ['python3', '-m', 'venv', folder],
    [join(folder, 'bin', 'pip'), 'install', '--quiet', '--disable-pip-version-check', ...packages],
  ],
});

/** Packages of npm. `overrides`: versions for packages that they depend on. */
export const nodeRecipe = (
  name: string,
  dependencies: Readonly<Record<string, string>>,
  overrides: Readonly<Record<string, string>>,
): Recipe => ({
  name,
  packages: Object.entries({ ...dependencies, ...overrides }).map(([what, version]) => `${what}@${version}`),
  files: { 'package.json': JSON.stringify({ private: true, dependencies, overrides }) },
  steps: () => [['npm', 'install', '--no-audit', '--no-fund', '--loglevel=error']],
});
