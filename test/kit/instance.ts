/** A whole instance as a user starts it, `understudy dev` with all its processes, for system tests. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Instance } from '../../src/config/instance.js';
import type { MoveRecord } from '../../src/domain/move-record.js';
import { connectClient } from '../../src/temporal/connect.js';
import { eventually } from './eventually.js';
import { freePortBase } from './ports.js';
import { mustReplay } from './whole-replay.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BIN = join(ROOT, 'bin', 'understudy.js');
const BUNDLE = join(ROOT, 'dist', 'workflow-bundle.js');
const READY_MS_MAX = 60_000;

export interface CliAnswer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface TestInstance {
  readonly dataDir: string;
  readonly portBase: number;
  /** Lines of `understudy dev`. */
  readonly lines: readonly string[];
  /** As it stands on disk now: process ids change when something is restarted. */
  info(): Instance;
  cli(...args: readonly string[]): Promise<CliAnswer>;
  /** Runs what has to end with 0; otherwise the error says what it printed. */
  mustWork(...args: readonly string[]): Promise<void>;
  /** Runs a verb with `--json` and reads its answer. */
  json<T>(...args: readonly string[]): Promise<T>;
  fault(cluster: string, kind: string, ...options: readonly string[]): Promise<void>;
  clear(cluster: string): Promise<void>;
  history(service?: string): Promise<readonly MoveRecord[]>;
  /** Waits until `count` moves of the service have ended, and answers with the newest. */
  moves(count: number, msMax?: number): Promise<MoveRecord>;
  /** kill -9 of a process by its name in instance.json. */
  kill(name: string, signal?: NodeJS.Signals): number;
  /** Replays whole what ran, and ends everything. */
  stop(): Promise<void>;
}

export interface InstanceOptions {
  /** YAML text; absent: the simulated fleet that `dev` makes by itself. */
  readonly config?: string;
  /** Where it begins its ports, for a configuration that names some, or of one that is started again; absent: a free block. */
  readonly portBase?: number;
  /** Of one that has ended and is started again; absent: a new directory. */
  readonly dataDir?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export async function startInstance(options: InstanceOptions = {}): Promise<TestInstance> {
  if (!existsSync(join(ROOT, 'dist', 'cli', 'main.js'))) throw new Error('not built: run `npm run setup` first');
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'understudy-system-'));
  const portBase = options.portBase ?? (await freePortBase());
  const args = [
    'dev',
    '--plain',
    '--no-load',
    '--port-base',
    String(portBase),
    '--data-dir',
    dataDir,
    ...(options.args ?? []),
  ];
  if (options.config !== undefined) {
    writeFileSync(join(dataDir, 'test.yaml'), options.config);
    args.push('--config', join(dataDir, 'test.yaml'));
  }
  const env = { ...process.env, ...options.env, NO_COLOR: '1' };
  const dev = spawn(process.execPath, [BIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines = linesOf(dev);
  const instance = openInstance({ dataDir, portBase, dev, lines, env });
  try {
    await eventually(() => {
      if (dev.exitCode !== null) throw new Error(`dev ended with ${dev.exitCode}`);
      return existsSync(join(dataDir, 'instance.json')) && lines.some((line) => line.includes('ready after'));
    }, READY_MS_MAX);
  } catch (error) {
    await instance.stop().catch(() => undefined);
    throw new Error(`the instance did not start: ${(error as Error).message}\n${lines.join('\n')}`, {
      cause: error,
    });
  }
  return instance;
}

interface Parts {
  readonly dataDir: string;
  readonly portBase: number;
  readonly dev: ChildProcess;
  readonly lines: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

function openInstance({ dataDir, portBase, dev, lines, env }: Parts): TestInstance {
  const info = (): Instance => JSON.parse(readFileSync(join(dataDir, 'instance.json'), 'utf8')) as Instance;
  const cli = async (...args: readonly string[]): Promise<CliAnswer> =>
    await runCli(args, { ...env, UNDERSTUDY_DATA_DIR: dataDir });
  const json = async <T>(...args: readonly string[]): Promise<T> => {
    const answer = await cli(...args, '--json');
    try {
      return JSON.parse(answer.stdout) as T;
    } catch {
      throw failed(args, answer);
    }
  };
  const mustWork = async (...args: readonly string[]): Promise<void> => {
    const answer = await cli(...args);
    if (answer.code !== 0) throw failed(args, answer);
  };
  const history = async (service = 'chat'): Promise<readonly MoveRecord[]> =>
    (await json<{ readonly moves: readonly MoveRecord[] }>('history', service)).moves;
  return {
    dataDir,
    portBase,
    lines,
    info,
    cli,
    mustWork,
    json,
    fault: async (cluster, kind, ...rest) => await mustWork('sim', 'fault', cluster, kind, ...rest),
    clear: async (cluster) => await mustWork('sim', 'clear', cluster),
    history,
    moves: async (count, msMax = 120_000) => {
      await eventually(async () => (await history()).length >= count, msMax);
      const [newest] = await history();
      if (newest === undefined) throw new Error('no move');
      return newest;
    },
    kill: (name, signal = 'SIGKILL') => {
      const found = info().processes.find((p) => p.name === name);
      if (found === undefined)
        throw new Error(
          `${name} is none of ${info()
            .processes.map((p) => p.name)
            .join(', ')}`,
        );
      process.kill(found.pid, signal);
      return found.pid;
    },
    stop: async () => {
      try {
        if (isAlive(dev) && existsSync(join(dataDir, 'instance.json'))) await replayAll(info(), env);
      } finally {
        if (isAlive(dev)) dev.kill('SIGTERM');
        await eventually(() => !isAlive(dev), 30_000);
        rmSync(dataDir, { recursive: true, force: true });
      }
    },
  };
}

const isAlive = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null;

async function replayAll({ temporal: { address, namespace } }: Instance, env: NodeJS.ProcessEnv): Promise<void> {
  const { client, connection } = await connectClient({ address, namespace, deadlineMs: READY_MS_MAX, env });
  try {
    await mustReplay(client, BUNDLE);
  } finally {
    await connection.close();
  }
}

function failed(args: readonly string[], { code, stdout, stderr }: CliAnswer): Error {
  return new Error(`understudy ${args.join(' ')}: exit ${code}\n${stdout}\n${stderr}`);
}

async function runCli(args: readonly string[], env: NodeJS.ProcessEnv): Promise<CliAnswer> {
  const child = spawn(process.execPath, [BIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const code = await new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? -1)));
  return { code, stdout, stderr };
}

function linesOf(child: ChildProcess): string[] {
  const lines: string[] = [];
  const keep = (chunk: Buffer): void =>
    void lines.push(
      ...chunk
        .toString()
        .split('\n')
        .filter((line) => line !== ''),
    );
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  return lines;
}
