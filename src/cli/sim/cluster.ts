/** `sim cluster`: one simulated cluster in the foreground, until a signal or the end of its parent. */
import type { Command } from 'commander';
import { ENGINES, type EngineKind } from '../../domain/fleet.js';
import { runSimulatedCluster, type ClusterOptions, type SimulatedCluster } from '../../simulator/cluster.js';
import { given, numberOption, usageError, wholeOption } from './arguments.js';

const PORTS = { min: 0, max: 65_535 };
const MILLION = { min: 1, max: 1_000_000 };
const PARENT_CHECK_MS = 1_000;

interface ClusterFlags {
  readonly name: string;
  readonly model?: string;
  readonly engine?: string;
  readonly endWithParent?: boolean;
  readonly [flag: string]: string | boolean | undefined;
}

export function addClusterVerb(sim: Command): void {
  sim
    .command('cluster')
    .description('run one simulated cluster in the foreground (`understudy dev` starts them by itself)')
    .requiredOption('--name <cluster>', 'its name')
    .option('--host <address>', 'address to serve on (default 127.0.0.1)')
    .option('--port <port>', 'port to serve on; 0 lets the system choose', '0')
    .option('--control-port <port>', 'port of its faults, on loopback; 0 lets the system choose', '0')
    .option('--model <id>', 'model id that it serves')
    .option('--engine <kind>', `what it passes for: ${ENGINES.join(', ')}`)
    .option('--concurrency <n>', 'requests in one batch')
    .option('--tokens-per-second <n>', 'pace of one stream')
    .option('--prefill-tokens-per-second <n>', 'prompt tokens that it reads in a second')
    .option('--queue-max <n>', 'requests that may wait')
    .option('--context-max <n>', 'prompt and answer together, tokens')
    .option('--end-with-parent', 'end when the process that started it ends')
    .action(async (flags: ClusterFlags) => {
      const cluster = await runSimulatedCluster(readOptions(flags));
      const { name, url, controlUrl } = cluster;
      const { servingPid } = cluster.state();
      process.stdout.write(
        `${JSON.stringify({ event: 'ready', name, url, controlUrl, pid: process.pid, servingPid })}\n`,
      );
      await endOf(cluster, flags.endWithParent === true);
    });
}

function readOptions(flags: ClusterFlags): ClusterOptions {
  const text = (flag: string): string | undefined => {
    const value = flags[flag];
    return typeof value === 'string' ? value : undefined;
  };
  const { name, model } = flags;
  return {
    name,
    ...given({
      host: text('host'),
      port: wholeOption('--port', text('port'), PORTS),
      controlPort: wholeOption('--control-port', text('controlPort'), PORTS),
      model,
      engine: readEngine(flags.engine),
      concurrency: wholeOption('--concurrency', text('concurrency'), { min: 1, max: 65_536 }),
      tokensPerSecond: numberOption('--tokens-per-second', text('tokensPerSecond'), { min: 0.1, max: 1_000 }),
      prefillTokensPerSecond: numberOption(
        command,
        '--prefill-tokens-per-second',
        text('prefillTokensPerSecond'),
        MILLION,
      ),
      queueMax: wholeOption('--queue-max', text('queueMax'), { min: 0, max: 1_000_000 }),
      contextTokensMax: wholeOption('--context-max', text('contextMax'), { min: 16, max: 1_000_000 }),
    }),
  };
}

function readEngine(name: string | undefined): EngineKind | undefined {
  if (name === undefined) return undefined;
  const engine = ENGINES.find((known) => known === name);
  return engine ?? usageError(`unknown engine "${name}"; there are ${ENGINES.join(', ')}`);
}

/** Resolves when the cluster has been closed, on SIGINT, SIGTERM or the end of the parent. */
async function endOf(cluster: SimulatedCluster, endWithParent: boolean): Promise<void> {
  const parent = process.ppid;
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => {
      resolve();
    });
    process.once('SIGTERM', () => {
      resolve();
    });
    if (!endWithParent) return;
    const check = setInterval(() => {
      // An orphan is given another parent.
      if (process.ppid === parent) return;
      clearInterval(check);
      resolve();
    }, PARENT_CHECK_MS);
    check.unref();
  });
  await cluster.close();
  process.exit(0);
}
