/**
 * All the set-up there is, run by npm before `start` and `test`: dependencies, build, the `understudy` command, a
 * Temporal server. Needs nothing but Node; silent when all is in place. `--quiet` also silences progress.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildIfStale } from './build.mjs';
import { installDependencies } from './dependencies.mjs';
import { linkBin } from './link-bin.mjs';
import { requireNode } from './node-version.mjs';
import { SetupError, beQuiet, say } from './say.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

async function setUp() {
  requireNode();
  if (process.argv.includes('--quiet')) beQuiet();
  installDependencies(ROOT);
  await buildIfStale(ROOT);
  linkBin(ROOT);
  await findTemporal();
}

/** The finder is part of the product and was built a moment ago; it is the only one. */
async function findTemporal() {
  // Tests always bring a server of their own, so they need the binary even where a server runs.
  const forTests = process.env.npm_lifecycle_event === 'pretest';
  if (process.env.TEMPORAL_ADDRESS && !forTests) return;
  const finder = join(ROOT, 'dist', 'temporal', 'find-binary.js');
  if (!existsSync(finder)) throw new SetupError(`${finder} is missing although the build went well`);
  const { findTemporalBinary } = await import(pathToFileURL(finder).href);
  const { source, path, serverVersion } = await findTemporalBinary({ onLine: say });
  if (source === 'download' || source === 'build') say(`Temporal server ${serverVersion} is ready (${path})`);
}

try {
  await setUp();
} catch (error) {
  if (!(error instanceof SetupError) && error?.name !== 'CodedError') throw error;
  process.stderr.write(`setup failed: ${error.message}\n`);
  process.exitCode = 1;
}
