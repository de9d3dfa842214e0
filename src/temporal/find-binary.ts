/**
 * Finds a Temporal CLI, whose `server start-dev` is our embedded server. Cheap places first: `TEMPORAL_CLI_PATH`, `PATH`,
 * the cache; then the official download; then a build of `tools/temporal` with Go. What failed on the way is part of
 * the final error, because the reader's next step depends on all of it.
 */
import { access, constants, mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { CodedError } from '../domain/errors.js';
import { buildBinary } from './build-binary.js';
import { TEMPORAL_CLI_VERSION, askBinary } from './cli-version.js';
import { downloadBinary } from './download-binary.js';
import { withFolderLock } from './folder-lock.js';
import { OFFICIAL_RELEASES, type ReleaseUrls } from './releases.js';

export interface FoundBinary {
  readonly path: string;
  readonly source: 'TEMPORAL_CLI_PATH' | 'PATH' | 'cache' | 'download' | 'build';
  readonly serverVersion: string;
}

export interface FindOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Progress of anything that takes longer than a second. */
  readonly onLine: (line: string) => void;
  /** Where releases come from; only tests change it. */
  readonly releases?: ReleaseUrls;
}

/** A build takes 3 min on two cores; twice that with a cold module cache and neighbours. */
const LOCK_WAIT_MS_MAX = 20 * 60_000;
const LOCK_STALE_AFTER_MS = 30_000;

/** `UNDERSTUDY_CACHE`, else `understudy` in the user's cache folder (XDG). */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  if (env['UNDERSTUDY_CACHE']) return env['UNDERSTUDY_CACHE'];
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'understudy');
}

/** @throws CodedError `temporal-missing`, its message listing every place that was tried and why it did not do. */
export async function findTemporalBinary({ env = process.env, onLine, releases }: FindOptions): Promise<FoundBinary> {
  const tried: string[] = [];
  const ready = (await fromEnvironment(env, tried)) ?? (await fromPath(env, tried)) ?? (await fromCache(env, tried));
  if (ready) return ready;

  const cache = cacheFolder(env);
  await makeCache(cache);
  return await withFolderLock(
    join(cache, `temporal-${TEMPORAL_CLI_VERSION}.lock`),
    {
      staleAfterMs: LOCK_STALE_AFTER_MS,
      waitMsMax: LOCK_WAIT_MS_MAX,
      onWait: () => onLine('Temporal is being fetched by another start; waiting for it'),
    },
    async () => {
      const meanwhile = await fromCache(env, []);
      if (meanwhile) return meanwhile;
      const target = cachedPath(cache);
      const made =
        (await obtain('download', tried, () =>
          downloadBinary({ target, releases: releases ?? OFFICIAL_RELEASES, onLine }),
        )) ?? (await obtain('build', tried, () => buildBinary({ target, env, onLine })));
      if (made) return { ...made, path: target };
      throw new CodedError('temporal-missing', explain(tried));
    },
  );
}

const cachedPath = (cache: string): string => join(cache, `temporal-${TEMPORAL_CLI_VERSION}`);

async function makeCache(cache: string): Promise<void> {
  try {
    await mkdir(cache, { recursive: true });
  } catch (error) {
    throw new CodedError(
      'temporal-missing',
      `the cache folder ${cache} cannot be made (${(error as Error).message}); name another one with UNDERSTUDY_CACHE`,
      { cause: error },
    );
  }
}

async function obtain(
  source: 'download' | 'build',
  tried: string[],
  get: () => Promise<{ readonly serverVersion: string }>,
): Promise<Omit<FoundBinary, 'path'> | null> {
  try {
    return { source, ...(await get()) };
  } catch (error) {
    tried.push(`${source}: ${(error as Error).message}`);
    return null;
  }
}

async function fromEnvironment(env: NodeJS.ProcessEnv, tried: string[]): Promise<FoundBinary | null> {
  const path = env['TEMPORAL_CLI_PATH'];
  if (!path) {
    tried.push('TEMPORAL_CLI_PATH: not set');
    return null;
  }
  const answer = await askBinary(path);
  // Who names a binary means that one: another one in its place would be a surprise.
  if (!answer.usable)
    throw new CodedError('temporal-missing', [
      `TEMPORAL_CLI_PATH names a binary that cannot be used: ${answer.why}. Any one of these helps:`,
      '  - name a Temporal CLI in it',
      '  - unset it: Understudy then looks in other places (docs/temporal.md)',
    ]);
  return { path, source: 'TEMPORAL_CLI_PATH', serverVersion: answer.serverVersion };
}

async function fromPath(env: NodeJS.ProcessEnv, tried: string[]): Promise<FoundBinary | null> {
  const path = await onPath('temporal', env);
  if (path === null) {
    tried.push('PATH: no `temporal` there');
    return null;
  }
  const answer = await askBinary(path);
  if (answer.usable) return { path, source: 'PATH', serverVersion: answer.serverVersion };
  tried.push(`PATH: ${answer.why}`);
  return null;
}

async function fromCache(env: NodeJS.ProcessEnv, tried: string[]): Promise<FoundBinary | null> {
  const path = cachedPath(cacheFolder(env));
  if (!(await isExecutable(path))) {
    tried.push(`cache: no ${path}`);
    return null;
  }
  const answer = await askBinary(path);
  if (answer.usable) return { path, source: 'cache', serverVersion: answer.serverVersion };
  tried.push(`cache: ${answer.why}`);
  return null;
}

/** Absolute path of a command, as a shell would find it, or `null`. */
export async function onPath(command: string, env: NodeJS.ProcessEnv): Promise<string | null> {
  for (const folder of (env['PATH'] ?? '').split(delimiter).filter(Boolean)) {
    const path = join(folder, command);
    if (await isExecutable(path)) return path;
  }
  return null;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function explain(tried: readonly string[]): readonly string[] {
  return [
    'no Temporal server could be found. Tried, in this order:',
    ...tried.map((line) => `  - ${line}`),
    'Any one of these helps:',
    '  - set TEMPORAL_ADDRESS to a Temporal server that runs already',
    '  - install the Temporal CLI (https://docs.temporal.io/cli) or name its binary in TEMPORAL_CLI_PATH',
    '  - allow access to https://temporal.download',
    '  - install Go (https://go.dev/dl) and allow access to its module proxy: it is then built from source',
  ];
}
