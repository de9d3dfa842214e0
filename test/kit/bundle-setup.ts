/** Builds the workflow bundle once and tells every test where it is: `inject('workflowBundlePath')`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import type {} from 'vitest'; // makes the augmentation below one
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** File of the bundled workflows, for `Worker.create({ workflowBundle: { codePath } })`. */
    workflowBundlePath: string;
  }
}

const source = (name: string): string => fileURLToPath(new URL(`../../src/workflows/${name}`, import.meta.url));

/** As the build bundles them. */
export async function bundleTo(codePath: string): Promise<void> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: source('index.ts'),
    payloadConverterPath: source('payload-converter.ts'),
    workflowInterceptorModules: [source('whole-tasks.ts')],
    logger: new DefaultLogger('WARN'),
  });
  writeFileSync(codePath, code);
}

/** @returns the teardown: it deletes the bundle. */
export async function provideBundle(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-bundle-'));
  const codePath = join(folder, 'workflow-bundle.js');
  await bundleTo(codePath);
  project.provide('workflowBundlePath', codePath);
  return () => rmSync(folder, { recursive: true, force: true });
}

export default provideBundle;
