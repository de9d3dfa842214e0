/**
 * The sources as plain JavaScript, made once for all tests of a run: processes that tests start begin in a fraction of
 * the time that compiling them as they load takes, and need no build of the whole project. `compiled(...)` finds them.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformWithEsbuild } from 'vite';
import type {} from 'vitest'; // makes the augmentation below one
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** A folder laid out as the package is: `bin`, `dist`, `package.json`. */
    compiledRoot: string;
  }
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** @returns the teardown: it deletes the folder. */
export default async function setup(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-compiled-'));
  for (const name of ['bin', 'package.json']) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' });
  await Promise.all(sources.filter((name) => name.endsWith('.ts')).map(async (name) => await compile(name, folder)));
  project.provide('compiledRoot', folder);
  return () => rmSync(folder, { recursive: true, force: true });
}

async function compile(name: string, folder: string): Promise<void> {
  const source = join(ROOT, 'src', name);
  const options = { target: 'es2022', sourcemap: false } as const;
  const { code } = await transformWithEsbuild(readFileSync(source, 'utf8'), source, options);
  const out = join(folder, 'dist', name.replace(/\.ts$/u, '.js'));
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, code);
}
