/** Compiles `src` to `dist` and bundles the workflows. Run by itself it always builds. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { SetupError, say, secondsSince } from './say.mjs';

const STAMP = '.build-stamp';
const BUNDLE = 'workflow-bundle.js';
/** Folders of `dist` that are made by somebody else than the compiler. */
const NOT_OURS = ['web'];

/** Builds when a source is newer than what was built from it. @param {string} root */
export async function buildIfStale(root) {
  const stamp = join(root, 'dist', STAMP);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint(root) && existsSync(join(root, 'dist', BUNDLE)))
    return;
  await build(root);
}

/** @param {string} root @throws SetupError when a source does not compile or a workflow cannot be bundled. */
export async function build(root) {
  const startedAt = Date.now();
  const before = fingerprint(root);
  say('building');
  compile(root);
  removeOrphans(root);
  await bundleWorkflows(root);
  // The stamp names the sources as they were at the beginning: a change made meanwhile is built the next time.
  writeFileSync(join(root, 'dist', STAMP), before);
  say(`built (${secondsSince(startedAt)})`);
}

function compile(root) {
  const dist = join(root, 'dist');
  const memory = join(dist, '.tsbuildinfo');
  // The compiler trusts its memory: what was deleted from `dist` by hand it would not write again.
  if (sourcesOf(root).some((source) => !existsSync(outputOf(root, source)))) rmSync(memory, { force: true });
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 2],
  });
  if (status !== 0) throw new SetupError(`${stdout}\nthe sources do not compile`);
}

/** Output whose source is gone would still be found by an import, and by whoever reads the folder. */
function removeOrphans(root) {
  const dist = join(root, 'dist');
  const outputs = new Set(sourcesOf(root).map((source) => outputOf(root, source)));
  for (const file of filesBelow(dist)) {
    const path = relative(dist, file);
    if (path === BUNDLE || NOT_OURS.some((folder) => path.startsWith(`${folder}/`))) continue;
    if (/\.js(\.map)?$/.test(file) && !outputs.has(file.replace(/\.map$/, ''))) rmSync(file);
  }
}

async function bundleWorkflows(root) {
  const dist = join(root, 'dist');
  const workflows = join(dist, 'workflows', 'index.js');
  if (!existsSync(workflows)) throw new SetupError('src/workflows/index.ts is missing: there is nothing to bundle');
  const stamp = join(dist, `${BUNDLE}.stamp`);
  const wanted = bundleFingerprint(root);
  if (existsSync(stamp) && existsSync(join(dist, BUNDLE)) && readFileSync(stamp, 'utf8') === wanted) return;
  const { bundleWorkflowCode, DefaultLogger } = await import('@temporalio/worker');
  const { code } = await bundleWorkflowCode({
    workflowsPath: workflows,
    payloadConverterPath: join(dist, 'workflows', 'payload-converter.js'),
    workflowInterceptorModules: [join(dist, 'workflows', 'whole-tasks.js')],
    logger: new DefaultLogger('WARN'),
  });
  const temporary = join(dist, `${BUNDLE}.${process.pid}.new`);
  writeFileSync(temporary, code);
  renameSync(temporary, join(dist, BUNDLE));
  writeFileSync(stamp, wanted);
}

/** By content, because the compiler touches every file: runbooks, the decisions they replay, and the SDK's version. */
function bundleFingerprint(root) {
  const hash = createHash('sha256');
  const folders = ['workflows', 'domain'].map((name) => join(root, 'dist', name));
  for (const file of [
    ...folders.flatMap(filesBelow).filter((f) => f.endsWith('.js')),
    join(root, 'package-lock.json'),
  ]) {
    hash.update(relative(root, file)).update(readFileSync(file));
  }
  return hash.digest('hex');
}

/** Path, size and time of everything that a build reads: some 100 `stat` calls, a few milliseconds. */
function fingerprint(root) {
  const settings = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json', 'scripts/build.mjs'];
  const hash = createHash('sha256');
  for (const file of [...sourcesOf(root), ...settings.map((name) => join(root, name))]) {
    const { size, mtimeMs } = statSync(file);
    hash.update(`${relative(root, file)} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

const sourcesOf = (root) =>
  filesBelow(join(root, 'src')).filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'));
const outputOf = (root, source) => join(root, 'dist', relative(join(root, 'src'), source)).replace(/\.ts$/, '.js');

function filesBelow(folder) {
  mkdirSync(folder, { recursive: true });
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

if (import.meta.url === pathToFileURL(resolve(process.argv[1] ?? '')).href) {
  try {
    await build(fileURLToPath(new URL('..', import.meta.url)));
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    process.exitCode = 1;
  }
}
