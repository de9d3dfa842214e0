/** One worker process as its parent sees it: calls with a deadline, the last states it told, and its end. */
import cluster, { type Worker } from 'node:cluster';
import { CodedError, type ErrorCode } from '../../domain/errors.js';
import type { TrafficState } from '../../domain/traffic.js';
import type { ServiceName } from '../../domain/words.js';
import { faults } from '../boundary.js';
import { readWord, type Call, type Calls } from './messages.js';

/** A worker that said nothing in this many looks in a row, though it reports several times a second, is stuck. */
const SILENT_LOOKS_MAX = 5;

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export interface WorkerEvents {
  /** It can be told to begin. */
  hello(worker: WorkerProcess): void;
  event(worker: WorkerProcess, event: Readonly<Record<string, unknown>>): void;
  /** It has ended, and everything that it said has been heard. */
  ended(worker: WorkerProcess, how: string): void;
}

export class WorkerProcess {
  readonly startedAtMs = performance.now();
  /** What it told last, service by service. */
  readonly states = new Map<ServiceName, TrafficState>();
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  /** It was told to begin: from then on it must hear every change. */
  begun = false;
  serving = false;
  /** It has served at some time. */
  served = false;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #silentLooks = 0;
  #how = 'ended';

  constructor(events: WorkerEvents) {
    this.#worker = cluster.fork();
    this.#worker.on('message', (said: unknown) => faults.guard('worker', () => this.#hear(said, events)));
    this.ended = this.#watchEnd().then(() => {
      this.serving = false;
      for (const id of [...this.#waiting.keys()]) this.#fail(id, 'it has ended');
      events.ended(this, this.#how);
    });
  }

  get pid(): number {
    return this.#worker.process.pid ?? 0;
  }

  /** Requests that ran there when it told last. */
  get inFlight(): number {
    const counts = [...this.states.values()].flatMap(({ clusters }) => Object.values(clusters));
    return counts.reduce((sum, { inFlight }) => sum + (inFlight === 'unknown' ? 0 : inFlight), 0);
  }

  /** @throws Error when it does not answer in time, says that it could not, or ends */
  async call<Name extends keyof Calls>(
    name: Name,
    argument: Calls[Name]['argument'],
    msMax: number,
  ): Promise<Calls[Name]['answer']> {
    const id = ++this.#lastId;
    const call = { id, name, argument } as Call;
    const answered = new Promise<unknown>((resolve, reject) => {
      // What came while this process itself was held up is read before the deadline counts.
      const late = (): unknown => setImmediate(() => this.#fail(id, `no answer to ${name} within ${msMax} ms`));
      this.#waiting.set(id, { resolve, reject, timer: setTimeout(late, msMax) });
      this.#worker.send(call, undefined, (error) => {
        if (error !== null) this.#fail(id, error.message);
      });
    });
    return (await answered) as Calls[Name]['answer'];
  }

  /** Looked at once a second. A row of looks, not a time: after a pause of this process itself all would seem silent. */
  fellSilent(): boolean {
    return ++this.#silentLooks > SILENT_LOOKS_MAX;
  }

  /** Ends it at once, also when it is stopped. Resolves when it is no more. */
  async kill(why: string): Promise<void> {
    this.#how = why;
    this.#worker.process.kill('SIGKILL');
    await this.ended;
  }

  #hear(said: unknown, events: WorkerEvents): void {
    const word = readWord(said);
    if (word === null) throw new Error(`worker ${this.pid} said something that is no word`);
    this.#silentLooks = 0;
    if (word.kind === 'hello') events.hello(this);
    else if (word.kind === 'report') this.learn(word.states);
    else if (word.kind === 'event') events.event(this, word.event);
    else if (word.kind === 'failure') this.#fail(word.id, word.why, word.code);
    else this.#settle(word.id)?.resolve(word.answer);
  }

  learn(states: Readonly<Record<ServiceName, TrafficState>>): void {
    for (const [name, state] of Object.entries(states)) this.states.set(name, state);
  }

  /** What the worker could name is told as it would be of this process itself. */
  #fail(id: number, why: string, code: ErrorCode | null = null): void {
    this.#settle(id)?.reject(code === null ? new Error(`worker ${this.pid}: ${why}`) : new CodedError(code, why));
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    clearTimeout(waiting?.timer);
    return waiting;
  }

  /** The channel ends after its last message was read, which may be later than the process. */
  async #watchEnd(): Promise<void> {
    const { process } = this.#worker;
    const exited = new Promise<void>((resolve) => {
      process.once('exit', (code, signal) => {
        if (this.#how === 'ended') this.#how = signal === null ? `ended with exit ${code}` : `was ended by ${signal}`;
        resolve();
      });
    });
    const drained = new Promise<void>((resolve) => {
      process.once('disconnect', resolve);
    });
    const unstarted = new Promise<void>((resolve) => {
      process.once('error', (error) => {
        if (process.pid !== undefined) return;
        this.#how = `could not be started: ${error.message}`;
        resolve();
      });
    });
    await Promise.race([Promise.all([exited, drained]), unstarted]);
  }
}
