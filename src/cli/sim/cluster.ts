/** `sim cluster`: one simulated cluster in the foreground, until a signal or the end of its parent. */
import type { Command } from 'commander';
import { ENGINES, type EngineKind } from '../../domain/fleet.js';
import { runSimulatedCluster, type ClusterOptions } from '../../simulator/cluster.js';
import { eventLine, serveUntilStopped } from '../long-running.js';
import { does, verb } from '../verb.js';
import { given, numberOption, usageError, wholeOption } from './arguments.js';

const PORTS = { min: 0, max: 65_535 };
const MILLION = { min: 1, max: 1_000_000 };

interface ClusterFlags {
  readonly name: string;
  readonly host?: string;
  readonly port: string;
  readonly controlPort: string;
  readonly model?: string;
  readonly engine?: string;
  readonly concurrency?: string;
  readonly tokensPerSecond?: string;
  readonly prefillTokensPerSecond?: string;
  readonly firstTokenMs?: string;
  readonly queueMax?: string;
  readonly contextMax?: string;
}

export function clusterVerb(): Command {
  const command = verb(
    'cluster',
    'Run one simulated cluster in the foreground (`understudy dev` starts them by itself).',
  )
    .requiredOption('--name <cluster>', 'its name')
    .option('--host <address>', 'address to serve on (default 127.0.0.1)')
    .option('--port <port>', 'port to serve on; 0 lets the system choose', '0')
    .option('--control-port <port>', 'port of its faults, on loopback; 0 lets the system choose', '0')
    .option('--model <id>', 'model id that it serves')
    .option('--engine <kind>', `what it passes for: ${ENGINES.join(', ')}`)
    .option('--concurrency <n>', 'requests in one batch')
    .option('--tokens-per-second <n>', 'pace of one stream')
    .option('--prefill-tokens-per-second <n>', 'prompt tokens that it reads in a second')
    .option('--first-token-ms <n>', 'no first token sooner than this')
    .option('--queue-max <n>', 'requests that may wait')
    .option('--context-max <n>', 'prompt and answer together, tokens');
  return does<ClusterFlags>(command, async (flags) => {
    const options = readOptions(flags);
    return await serveUntilStopped(async () => {
      const cluster = await runSimulatedCluster(options);
      const { name, url, controlUrl } = cluster;
      const { servingPid } = cluster.state();
      eventLine({ event: 'ready', name, url, controlUrl, pid: process.pid, servingPid });
      return { stop: async () => await cluster.close() };
    });
  });
}

function readOptions(flags: ClusterFlags): ClusterOptions {
  const { name, host, model } = flags;
  return {
    name,
    port: wholeOption('--port', flags.port, PORTS) ?? 0,
    controlPort: wholeOption('--control-port', flags.controlPort, PORTS) ?? 0,
    ...given({
      host,
      model,
      engine: readEngine(flags.engine),
      concurrency: wholeOption('--concurrency', flags.concurrency, { min: 1, max: 65_536 }),
      tokensPerSecond: numberOption('--tokens-per-second', flags.tokensPerSecond, { min: 0.1, max: 1_000 }),
      prefillTokensPerSecond: numberOption('--prefill-tokens-per-second', flags.prefillTokensPerSecond, MILLION),
      firstTokenMs: numberOption('--first-token-ms', flags.firstTokenMs, { min: 0, max: 600_000 }),
      queueMax: wholeOption('--queue-max', flags.queueMax, { min: 0, max: 1_000_000 }),
      contextTokensMax: wholeOption('--context-max', flags.contextMax, { min: 16, max: 1_000_000 }),
    }),
  };
}

function readEngine(name: string | undefined): EngineKind | undefined {
  if (name === undefined) return undefined;
  const engine = ENGINES.find((known) => known === name);
  return engine ?? usageError(`unknown engine "${name}"; there are ${ENGINES.join(', ')}`);
}
