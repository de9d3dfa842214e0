/** What benchmarks and tests stand on that need no supervisor: real Temporal, real data plane, real control worker, each a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { findTemporalBinary } from '../../src/temporal/find-binary.js';
import { freePorts } from '../kit/ports.js';
import { startTemporalServer } from '../../src/temporal/start-server.js';
import { eventually } from '../kit/eventually.js';

const BIN = fileURLToPath(new URL('../../bin/understudy.js', import.meta.url));

export interface Stage {
  readonly address: string;
  readonly client: Client;
  readonly adminUrl: string;
  readonly gatewayUrl: string;
  readonly dataDir: string;
  readonly temporalPid: number;
  readonly controlWorker: ChildProcess;
  /** Starts one of our own processes and waits until it says that it is ready. */
  run(...args: readonly string[]): Promise<ChildProcess>;
  close(): Promise<void>;
}

/** `gatewayArgs`: more arguments of `understudy gateway`. */
export async function openStage(config: string, gatewayArgs: readonly string[] = []): Promise<Stage> {
  const dataDir = mkdtempSync(join(tmpdir(), 'understudy-bench-'));
  const binary = await findTemporalBinary({ onLine: progress });
  const [port = 0, uiPort = 0, metricsPort = 0, gatewayPort = 0, adminPort = 0] = await freePorts(5);
  const server = await startTemporalServer({
    binary: binary.path,
    dataDir,
    port,
    uiPort,
    metricsPort,
    namespace: 'default',
    headless: true,
    onLine: progress,
  });
  const children: ChildProcess[] = [];
  const run = async (...args: readonly string[]): Promise<ChildProcess> => {
    const child = spawn(process.execPath, [BIN, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    let said = '';
    if (process.env['BENCH_DEBUG'] !== undefined) child.stdout.pipe(process.stderr);
    child.stdout.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-10_000)));
    await eventually(() => said.includes('"ready"'), 60_000);
    return child;
  };
  const file = join(dataDir, 'bench.yaml');
  writeFileSync(file, config);
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  await run(
    'gateway',
    '--no-admin-token',
    '--config',
    file,
    '--port',
    `${gatewayPort}`,
    '--admin-port',
    `${adminPort}`,
    '--data-dir',
    dataDir,
    ...gatewayArgs,
  );
  const controlWorker = await run(
    'worker',
    'control',
    '--config',
    file,
    '--address',
    server.address,
    '--gateway-admin',
    adminUrl,
  );
  const connection = await Connection.connect({ address: server.address });
  return {
    address: server.address,
    client: new Client({ connection }),
    adminUrl,
    gatewayUrl: `http://127.0.0.1:${gatewayPort}`,
    dataDir,
    temporalPid: server.pid,
    controlWorker,
    run,
    close: async () => {
      await connection.close();
      for (const child of children.reverse()) child.kill('SIGTERM');
      await eventually(() => children.every((c) => c.exitCode !== null || c.signalCode !== null), 30_000);
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Progress goes to stderr: stdout carries the result only. */
export const progress = (line: string): void => console.error(line);

/** One line of JSON, with the machine that it comes from. */
export function report(bench: string, figures: Readonly<Record<string, unknown>>): void {
  const machine = { cpu: cpus()[0]?.model.trim() ?? 'unknown', cores: availableParallelism(), node: process.version };
  console.log(JSON.stringify({ bench, ...figures, machine }));
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN);
}
