/** Plays cases in a child process, whose end is the worst that can happen. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { Broken, type Arena } from '../boundary.js';
import type { Played } from './main.js';
import type { PLAYERS } from './players.js';

const MAIN = resolve(import.meta.dirname, 'main.ts');
const READY_MS_MAX = 60_000;
const ANSWER_MS_MAX = 60_000;
const WARM_UP_CASES = 200;
const GROWTH_MAX = 200 << 20;
const STDERR_KEPT = 8_000;

export class ChildArena implements Arena {
  readonly #child: ChildProcess;
  #stderr = '';
  #played = 0;
  #warmBytes = 0;
  #residentBytes = 0;

  private constructor(name: keyof typeof PLAYERS) {
    this.#child = fork(MAIN, [name], { execArgv: ['--import', 'tsx'], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_KEPT);
    });
  }

  static async open(name: keyof typeof PLAYERS): Promise<ChildArena> {
    const arena = new ChildArena(name);
    await arena.#hear(READY_MS_MAX);
    return arena;
  }

  async play(one: unknown): Promise<void> {
    this.#child.send(one as object);
    const { broken, residentBytes } = (await this.#hear(ANSWER_MS_MAX)) as Played;
    if (broken !== null) throw new Broken(broken.split('\n')[0] ?? '', broken);
    this.#residentBytes = residentBytes;
    if (++this.#played <= WARM_UP_CASES) this.#warmBytes = Math.max(this.#warmBytes, residentBytes);
  }

  checkNowAndThen(): Promise<void> {
    const growth = this.#residentBytes - this.#warmBytes;
    if (growth > GROWTH_MAX) throw new Broken(`memory grew by ${growth} bytes in ${this.#played} cases`);
    return Promise.resolve();
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  async #hear(msMax: number): Promise<unknown> {
    const over = new AbortController();
    const { signal } = over;
    const late = setTimeout(() => over.abort(), msMax);
    try {
      const heard = once(this.#child, 'message', { signal });
      const ended = once(this.#child, 'exit', { signal }).then(() => {
        throw new Broken('the process ended', this.#stderr);
      });
      ended.catch(() => undefined);
      const [message] = (await Promise.race([heard, ended])) as unknown[];
      return message;
    } catch (error) {
      if (error instanceof Broken) throw error;
      throw new Broken(`the process said nothing for ${msMax} ms`, this.#stderr);
    } finally {
      clearTimeout(late);
      over.abort();
    }
  }
}
