/** A bundle of runbooks that were changed on purpose: the proof that a replay notices. */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundleWithSourceMap } from '@temporalio/worker';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** One change of one runbook, as text: `before` must stand in the file exactly once. */
export interface Alteration {
  readonly file: string;
  readonly before: string;
  readonly after: string;
}

/** Bundles a copy of the sources with these changes; the copy is gone afterwards. */
export async function bundleAltered(alterations: readonly Alteration[]): Promise<WorkflowBundleWithSourceMap> {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-altered-'));
  try {
    for (const part of ['workflows', 'domain'])
      cpSync(join(ROOT, 'src', part), join(folder, part), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    for (const alteration of alterations) alter(join(folder, 'workflows', alteration.file), alteration);
    const workflowsPath = join(folder, 'workflows', 'index.ts');
    return await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function alter(path: string, { file, before, after }: Alteration): void {
  const text = readFileSync(path, 'utf8');
  if (text.split(before).length !== 2) throw new Error(`${file} does not hold this exactly once: ${before}`);
  writeFileSync(path, text.replace(before, after));
}
