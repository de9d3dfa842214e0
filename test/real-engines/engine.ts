/** A real engine as a process of this test: started, found in its parts, killed, frozen, and started again. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { EngineKind } from '../../src/domain/fleet.js';
import { freePorts } from '../kit/ports.js';
import { eventually } from '../kit/eventually.js';

export const MODEL = 'tiny';
/** vLLM needs a minute on a quiet machine with two cores. */
const START_MS_MAX = 400_000;
const OUTPUT_CHARS_MAX = 20_000;

const CACHE =
  process.env['ENGINES_CACHE'] ??
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'understudy', 'engines');

export interface EngineRecipe {
  readonly kind: EngineKind;
  command(port: number): { readonly file: string; readonly args: readonly string[]; readonly env: NodeJS.ProcessEnv };
}

/** Slow enough that an answer of some hundred tokens can be broken in its middle. */
const PAUSE_S = '0.01';

const vllmWith = (...model: readonly string[]): EngineRecipe => ({
  kind: 'vllm',
  command: (port) => ({
    file: join(CACHE, 'vllm', 'venv', 'bin', 'vllm'),
    args: [
      ...['serve', join(CACHE, ...model, 'hf'), '--served-model-name', MODEL],
      ...['--host', '127.0.0.1', '--port', String(port), '--dtype', 'float32'],
      ...['--max-model-len', '4096', '--max-num-seqs', '16', '--enforce-eager'],
    ],
    env: {
      PYTHONPATH: join(CACHE, 'vllm', 'startup'),
      ENGINE_PAUSE_S: PAUSE_S,
      VLLM_CPU_KVCACHE_SPACE: '1',
      VLLM_CPU_OMP_THREADS_BIND: 'nobind',
      VLLM_NO_USAGE_STATS: '1',
      OMP_NUM_THREADS: '1',
      HF_HUB_OFFLINE: '1',
      DO_NOT_TRACK: '1',
    },
  }),
});

export const vllm = vllmWith('model', 'char');
/** Its texts can be cut into tokens in many ways, and some tokens are parts of characters. */
export const vllmOfPairs = vllmWith('pairs', 'small');

/** The wider model: with the small one an answer is over before anybody can break it. */
export const llamacpp: EngineRecipe = {
  kind: 'llamacpp',
  command: (port) => ({
    file: join(CACHE, 'llamacpp', 'build', 'bin', 'llama-server'),
    args: [
      ...['-m', join(CACHE, 'model', 'slow', 'model.gguf'), '--alias', MODEL, '--host', '127.0.0.1'],
      ...['--port', String(port), '-np', '4', '-c', '16384', '-t', '1', '-ctk', 'f32', '-ctv', 'f32', '--metrics'],
    ],
    env: {},
  }),
};

export class RealEngine {
  #child: ChildProcess;
  #said = '';
  /** Everything that ever belonged to it: what a killed parent leaves behind is found here. */
  readonly #pids = new Set<number>();

  private constructor(
    readonly recipe: EngineRecipe,
    readonly port: number,
  ) {
    this.#child = this.#spawn();
  }

  static async start(recipe: EngineRecipe): Promise<RealEngine> {
    const [port = 0] = await freePorts(1);
    return new RealEngine(recipe, port);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Waits until it completes something. */
  async ready(): Promise<void> {
    await eventually(async () => {
      if (this.#child.exitCode !== null) throw new Error(`${this.recipe.kind} ended:\n${this.#said}`);
      const answer = await fetch(`${this.url}/v1/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: MODEL, prompt: 'a', max_tokens: 1 }),
      }).catch(() => null);
      return answer?.status === 200;
    }, START_MS_MAX);
    this.#remember();
  }

  /** The process that listens, or the one of its descendants whose title is given. */
  pidOf(title: string | null): number {
    this.#remember();
    const top = this.#child.pid ?? 0;
    if (title === null) return top;
    const pid = descendants(top).find((candidate) => titleOf(candidate).includes(title));
    if (pid === undefined) throw new Error(`${this.recipe.kind} has no process "${title}"`);
    return pid;
  }

  /** All that is left of it ends, and it starts anew on the same port. */
  async restart(): Promise<void> {
    this.kill();
    await eventually(() => [...this.#pids].every((pid) => titleOf(pid) === ''), 30_000);
    this.#pids.clear();
    this.#child = this.#spawn();
    await this.ready();
  }

  kill(): void {
    this.#remember();
    for (const pid of this.#pids) signal(pid, 'SIGKILL');
  }

  #spawn(): ChildProcess {
    const { file, args, env } = this.recipe.command(this.port);
    const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (chunk: Buffer): void => void (this.#said = (this.#said + chunk.toString()).slice(-OUTPUT_CHARS_MAX));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => keep(Buffer.from(error.message)));
    return child;
  }

  #remember(): void {
    const { pid } = this.#child;
    if (pid !== undefined) for (const each of [pid, ...descendants(pid)]) this.#pids.add(each);
  }
}

/** A process that has ended needs no signal. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function descendants(pid: number): readonly number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) if (/^\d+$/.test(name)) parents.set(Number(name), parentOf(Number(name)));
  const found = [pid];
  for (const each of found) for (const [child, parent] of parents) if (parent === each) found.push(child);
  return found.slice(1);
}

function parentOf(pid: number): number {
  const afterName = statOf(pid).split(') ').at(-1) ?? '';
  return Number(afterName.split(' ')[1] ?? 0);
}

/** Empty for a process that is gone, or dead and only waits to be counted. */
function titleOf(pid: number): string {
  if (statOf(pid).includes(') Z')) return '';
  return readOrEmpty(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
}

const statOf = (pid: number): string => readOrEmpty(`/proc/${pid}/stat`);

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
