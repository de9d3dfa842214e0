/** One embedded server for the whole test run, found and started as in production, and the workflow bundle. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {} from 'vitest'; // makes the augmentation below one
import type { TestProject } from 'vitest/node';
import { findTemporalBinary } from '../../src/temporal/find-binary.js';
import { freePorts } from './ports.js';
import { startTemporalServer } from '../../src/temporal/start-server.js';
import { provideBundle } from './bundle-setup.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** host:port of a server; `ownNamespace` makes a namespace in it. */
    temporalAddress: string;
    /** Path of the Temporal CLI, for tests that speak to the server as an operator would. */
    temporalBinary: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const say = (line: string): void => console.error(`temporal: ${line}`);
  const dataDir = mkdtempSync(join(tmpdir(), 'understudy-temporal-'));
  const [removeBundle, binary] = await Promise.all([provideBundle(project), findTemporalBinary({ onLine: say })]);
  const [port = 0, uiPort = 0, metricsPort = 0] = await freePorts(3);
  // So that continue-as-new happens in tests too; in production it is suggested after 4,096 events.
  const dynamicConfig = {
    'limit.historyCount.suggestContinueAsNew': '200',
    // Each file registers a namespace of its own (own-namespace.ts).
    'system.namespaceCacheRefreshInterval': '"200ms"',
  };
  const order = { binary: binary.path, dataDir, port, uiPort, metricsPort, namespace: 'default', headless: true };
  const server = await startTemporalServer({ ...order, dynamicConfig, onLine: say });
  project.provide('temporalAddress', server.address);
  project.provide('temporalBinary', binary.path);
  return async () => {
    await server.stop();
    removeBundle();
    rmSync(dataDir, { recursive: true, force: true });
  };
}
