/** A process under measurement: what it says when it is ready, its processor time and its memory, with its children's. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { eventually } from '../../kit/eventually.js';

export interface Child {
  readonly pid: number;
  /** Everything that it wrote to stdout, its end only. */
  said(): string;
  /** Processor time of it and its children so far, ms. */
  cpuMs(): number;
  /** Proportional set size of it and its children: memory that is shared counts in parts. Bytes. */
  memoryBytes(): number;
  stop(): Promise<void>;
}

const START_MS_MAX = 60_000;
const SAID_MAX = 10_000;
/** `CLK_TCK` of Linux. */
const TICK_MS = 10;

/** Starts a program and waits until it says what `ready` looks for. */
export async function startChild(
  command: readonly string[],
  ready: RegExp,
  env: NodeJS.ProcessEnv = {},
): Promise<Child> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  let said = '';
  const listen = (chunk: Buffer): void => {
    said = `${said}${chunk.toString()}`.slice(-SAID_MAX);
  };
  child.stdout.on('data', listen);
  child.stderr.on('data', listen);
  await eventually(() => {
    if (hasEnded(child)) throw new Error(`${program} ended: ${said}`);
    return ready.test(said);
  }, START_MS_MAX);
  const pid = child.pid ?? 0;
  const all = (): readonly number[] => [pid, ...childrenOf(pid)];
  return {
    pid,
    said: () => said,
    cpuMs: () => sum(all().map(cpuOf)) * TICK_MS,
    memoryBytes: () => sum(all().map(pssOf)),
    stop: async () => {
      child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await eventually(() => hasEnded(child));
      clearTimeout(killer);
    },
  };
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;
const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);

function childrenOf(parent: number): readonly number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const children = pids.map(Number).filter((pid) => Number(statOf(pid)[1]) === parent);
  return children.flatMap((pid) => [pid, ...childrenOf(pid)]);
}

const cpuOf = (pid: number): number => Number(statOf(pid)[11] ?? 0) + Number(statOf(pid)[12] ?? 0);

/** Fields of /proc/<pid>/stat behind the name, which may hold blanks; none when the process is gone. */
function statOf(pid: number): readonly string[] {
  const text = readOrEmpty(`/proc/${pid}/stat`);
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function pssOf(pid: number): number {
  return Number(/^Pss:\s+(\d+) kB/m.exec(readOrEmpty(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) * 1_024;
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
