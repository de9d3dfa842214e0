/**
 * The simulator compiled file by file into a temporary folder, so that tests can fork its serving child (or run all of
 * it under plain Node) without a build of the whole project.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';

const ROOT = resolve(import.meta.dirname, '../..');
const FOLDERS = ['domain', 'config', 'simulator', 'cli', 'cli/sim'] as const;

export interface BuiltSimulator {
  readonly dir: string;
  readonly serveEntry: URL;
  remove(): void;
}

export function buildSimulator(): BuiltSimulator {
  const dir = mkdtempSync(join(tmpdir(), 'understudy-simulator-'));
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}');
  symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
  for (const folder of FOLDERS) {
    for (const file of readdirSync(join(ROOT, 'src', folder)))
      if (file.endsWith('.ts')) compile(dir, join(folder, file));
  }
  return {
    dir,
    serveEntry: pathToFileURL(join(dir, 'simulator/serve.js')),
    remove: () => {
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function compile(dir: string, file: string): void {
  const source = readFileSync(join(ROOT, 'src', file), 'utf8');
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true },
  });
  const out = join(dir, file.replace(/\.ts$/u, '.js'));
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, outputText);
}
