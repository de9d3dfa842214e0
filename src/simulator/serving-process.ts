/**
 * The serving child as the host holds it: started, killed, stopped and continued by real signals.
 *
 * A stopped process cannot notice that its host is gone. So a freeze first starts a small watcher that waits for the
 * host's end of a pipe: when the host dies without a word, the pipe closes and the watcher kills the child.
 */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CodedError } from '../domain/errors.js';
import type { Fault } from './faults.js';
import type { FromChild, ToChild } from './messages.js';
import type { ClusterSettings } from './settings.js';

const START_MS_MAX = 15_000;
const APPLY_MS_MAX = 2_000;
const HEAP_MB_MAX = 512;

/** Run by /bin/sh with the child's pid as `$0`: a line means that the freeze ended well, an end without one does not. */
const FREEZE_WATCHER = 'if ! read -r _; then kill -KILL "$0"; fi';

export class ServingProcess {
  readonly #entry: string;
  readonly #onUnexpectedExit: () => void;
  #settings: ClusterSettings;
  #child: ChildProcess | null = null;
  #watcher: ChildProcess | null = null;
  #revision = 0;

  constructor(settings: ClusterSettings, entry: URL | undefined, onUnexpectedExit: () => void) {
    this.#settings = settings;
    this.#entry = servingEntry(entry);
    this.#onUnexpectedExit = onUnexpectedExit;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** The port that it serves on; 0 until it has served once. It keeps that port from then on. */
  get port(): number {
    return this.#settings.port;
  }

  get isUp(): boolean {
    return this.#child !== null;
  }

  get isFrozen(): boolean {
    return this.#watcher !== null;
  }

  /** @throws CodedError `port-taken` when it cannot serve on its address */
  async start(faults: readonly Fault[]): Promise<void> {
    const child = fork(this.#entry, [], {
      execArgv: [`--max-old-space-size=${String(HEAP_MB_MAX)}`],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child = child;
    child.once('exit', () => {
      if (this.#child !== child) return;
      this.#child = null;
      this.#onUnexpectedExit();
    });
    child.on('error', () => undefined); // a message to a child that has just died; its exit tells
    this.#tell({ kind: 'start', settings: this.#settings, faults });
    const answer = await this.#answerOf(child, (message) => message.kind !== 'applied', START_MS_MAX);
    if (answer?.kind === 'serving') {
      this.#settings = { ...this.#settings, port: answer.port };
      return;
    }
    await this.kill();
    const why = answer?.kind === 'cannot-serve' ? answer.why : `no answer within ${String(START_MS_MAX)} ms`;
    throw new CodedError(
      'port-taken',
      `simulated cluster ${this.#settings.name} cannot serve on ${this.#settings.host}:${String(this.#settings.port)}: ${why}`,
    );
  }

  /** Makes the child play `faults`, and waits until it does. A frozen child learns of them when it goes on. */
  async setFaults(faults: readonly Fault[]): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.#revision += 1;
    const revision = this.#revision;
    this.#tell({ kind: 'faults', faults, revision });
    if (this.isFrozen) return;
    await this.#answerOf(child, (message) => message.kind === 'applied' && message.revision === revision, APPLY_MS_MAX);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.#child = null;
    const gone = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null;
    child.kill('SIGKILL');
    await gone;
    this.#endWatcher();
  }

  freeze(): void {
    const pid = this.#child?.pid;
    if (pid === undefined || this.#watcher !== null) return;
    this.#watcher = spawn('/bin/sh', ['-c', FREEZE_WATCHER, String(pid)], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.#watcher.on('error', () => undefined);
    this.#watcher.stdin?.on('error', () => undefined);
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
    this.#endWatcher();
  }

  #endWatcher(): void {
    this.#watcher?.stdin?.end('done\n');
    this.#watcher = null;
  }

  #tell(message: ToChild): void {
    // A child that has just died takes no message; its exit is told by the event of that name.
    this.#child?.send(message, () => undefined);
  }

  /** The first message that fits; `null` when the child ends or the time is up. */
  async #answerOf(
    child: ChildProcess,
    fits: (message: FromChild) => boolean,
    msMax: number,
  ): Promise<FromChild | null> {
    return await new Promise((resolve) => {
      const settle = (message: FromChild | null): void => {
        clearTimeout(deadline);
        child.off('message', onMessage);
        child.off('exit', onExit);
        resolve(message);
      };
      const onMessage = (message: unknown): void => {
        if (fits(message as FromChild)) settle(message as FromChild);
      };
      const onExit = (): void => {
        settle(null);
      };
      const deadline = setTimeout(onExit, msMax);
      child.on('message', onMessage);
      child.once('exit', onExit);
    });
  }
}

/** The compiled entry beside this file, or the one in `dist` when this file runs from its source. */
function servingEntry(chosen: URL | undefined): string {
  const candidates =
    chosen === undefined
      ? [new URL('./serve.js', import.meta.url), new URL('../../dist/simulator/serve.js', import.meta.url)]
      : [chosen];
  const found = candidates.map((url) => fileURLToPath(url)).find((path) => existsSync(path));
  if (found === undefined) throw new CodedError('invariant', 'the simulator is not built: run `npm run build`');
  return found;
}
