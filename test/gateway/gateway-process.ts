/** `understudy gateway` as real processes, from the compiled sources, before upstreams of the test; `afterEach(stopAll)` ends them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TrafficState } from '../../src/domain/traffic.js';
import { compiled } from '../kit/compiled.js';
import { eventually } from '../kit/eventually.js';
import { atEnd, tempDir } from './kit.js';

/** On a machine that runs other tests. */
const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 15_000;

export interface GatewayProcess {
  readonly pid: number;
  /** Its configuration file gets another `gateway` section; it reads that when it is told to. */
  rewrite(gateway: object): void;
  readonly url: string;
  readonly adminUrl: string;
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  /** Resolves with how it ended: the exit code, or the signal. */
  readonly ended: Promise<number | string>;
  /** Processes of the workers that serve, in the order in which they began. */
  workers(): readonly number[];
  admin<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: object,
  ): Promise<{ readonly status: number; readonly body: T }>;
  state(): Promise<TrafficState>;
  kill(signal: NodeJS.Signals): void;
  /** Nobody reads what it writes any more. */
  closeLog(): void;
}

export interface GatewayProcessOptions {
  /** Cluster names with their base URLs; the first one is the primary. */
  readonly members: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** Its admin API asks for its own token; absent: for none. */
  readonly ownToken?: boolean;
  readonly gateway?: object;
  readonly dataDir?: string;
  /** Most files and connections that it may have open. */
  readonly descriptors?: number;
}

export async function gatewayProcess(options: GatewayProcessOptions): Promise<GatewayProcess> {
  const dataDir = options.dataDir ?? tempDir();
  const config = join(tempDir(), 'fleet.yaml');
  const write = (change: Partial<GatewayProcessOptions>): void =>
    writeFileSync(config, JSON.stringify(fleetFile({ ...options, ...change }))); // YAML enough
  write({});
  const ports = ['--port', '0', '--admin-port', '0', ...(options.ownToken === true ? [] : ['--no-admin-token'])];
  const args = [compiled('bin/understudy.js'), 'gateway', '--config', config, '--data-dir', dataDir, ...ports];
  const [command = '', ...before] = limitedTo(options.descriptors);
  const child = spawn(command, [...before, ...args, ...(options.args ?? [])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string);
  const lines: Record<string, unknown>[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(JSON.parse(line) as Record<string, unknown>);
  });
  atEnd(async () => {
    child.kill('SIGTERM');
    const force = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
    await ended;
    clearTimeout(force);
  });
  const ready = (): Record<string, unknown> | undefined => lines.find(({ event }) => event === 'ready');
  await eventually(() => {
    if (child.exitCode !== null) throw new Error(`the gateway ended with ${child.exitCode}`);
    return ready() !== undefined;
  }, READY_MS_MAX);
  const { url, adminUrl } = ready() as { readonly url: string; readonly adminUrl: string };
  const admin: GatewayProcess['admin'] = async <T>(method: string, path: string, body?: object) => {
    const headers = { 'content-type': 'application/json' };
    const sent = body === undefined ? {} : { headers, body: JSON.stringify(body) };
    const answer = await fetch(adminUrl + path, { method, ...sent });
    return { status: answer.status, body: (await answer.json()) as T };
  };
  return {
    pid: child.pid ?? 0,
    rewrite: (section) => write({ gateway: section }),
    url,
    adminUrl,
    lines,
    ended,
    workers: () => workersIn(lines),
    admin,
    state: async () => (await admin<TrafficState>('GET', '/state/chat')).body,
    closeLog: () => child.stdout.destroy(),
    kill: (signal) => void child.kill(signal),
  };
}

const limitedTo = (descriptors: number | undefined): readonly string[] =>
  descriptors === undefined
    ? [process.execPath]
    : ['prlimit', `--nofile=${descriptors}:${descriptors}`, process.execPath];

function workersIn(lines: readonly Readonly<Record<string, unknown>>[]): number[] {
  const told = (wanted: string): number[] =>
    lines.filter(({ event }) => event === wanted).map(({ worker }) => worker as number);
  const lost = told('worker-lost');
  return told('worker-serves').filter((pid) => !lost.includes(pid));
}

function fleetFile({ members, gateway }: GatewayProcessOptions): object {
  const names = Object.keys(members);
  const cluster = (url: string): object => ({
    url,
    region: 'eu',
    engine: 'vllm',
    model: 'llama',
    capacity: { concurrency: 10_000 }, // a limit, of which each worker has a part
  });
  return {
    version: 1,
    clusters: Object.fromEntries(Object.entries(members).map(([name, url]) => [name, cluster(url)])),
    services: {
      chat: { clusters: names.map((name, i) => ({ name, role: i === 0 ? 'primary' : 'standby' })) },
    },
    ...(gateway === undefined ? {} : { gateway }),
  };
}
