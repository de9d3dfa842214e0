/**
 * Serves callers in several worker processes that share the public port. The parent, where this runs, serves nobody: it
 * owns the table and the admin side, hands every change to every worker, adds up what they count, and replaces those that
 * end or fall silent.
 *
 *     callers --> worker 1..N --> clusters                                  who is idle accepts
 *     controller --> admin side of the parent --> every worker              and its answer, or its end
 *
 * A killed worker takes its own connections with it and no others; the parent's end lets workers finish what runs.
 */
import { messageOf } from '../../domain/describe-error.js';
import cluster from 'node:cluster';
import { createServer, type AddressInfo } from 'node:net';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { replacementWait } from '../../domain/back-off.js';
import type { ServiceName } from '../../domain/words.js';
import type { GatewaySettings } from '../../domain/fleet.js';
import type { DataPlane, States, WorkersNow } from '../data-plane.js';
import { faults } from '../boundary.js';
import { mustStayAsItIs } from '../door/key-ring.js';
import type { Readiness } from '../door/readiness.js';
import type { Questions } from '../questions.js';
import type { RouteTable } from '../routes/route-table.js';
import type { ServeOptions } from '../serve-here.js';
import { changeBetween, partOf, partOfKeys } from './messages.js';
import { WorkerCounts } from './worker-counts.js';
import { WorkerProcess, type WorkerEvents } from './worker-process.js';

/** A worker on a busy machine loads in a second; one that does not begin in time is replaced. */
const BEGIN_MS_MAX = 20_000;
/** Below the controller's patience with a write (3 s). Who has not applied by then may serve by old weights: killed. */
const APPLY_MS_MAX = 2_000;
/** Below the patience of a prober (1 s). Who does not answer by then leaves its in-flight count unknown. */
const ASK_MS_MAX = 500;
/** What a worker may take to end beyond the grace of its requests: last words, its log, its traces, its conversations. */
const CLOSE_MS_MAX = 5_000;
const LOOK_MS = 1_000;

export interface WorkerOptions extends ServeOptions {
  /** At least 1. */
  readonly workers: number;
}

/** Resolves when every worker serves. @throws Error when one cannot begin (the port is taken, say) */
export async function serveByWorkers(options: WorkerOptions): Promise<DataPlane> {
  // In the parent's own language: TypeScript under a loader, JavaScript when it is built.
  const exec = fileURLToPath(new URL(`./worker-main${extname(import.meta.url)}`, import.meta.url));
  // Workers accept by themselves: a killed one then takes nothing along that it had not accepted. Node's other way, where
  // the parent accepts and hands over in turn, spreads more evenly, but loses a connection that is just being handed over
  // and then does not notice the end of the worker (seen with Node 20: its channel never closes).
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({ exec, args: [] });
  const port = options.port === 0 ? await freePort(options.host) : options.port;
  const pool = new WorkerPool({ ...options, port });
  await pool.start();
  return pool;
}

class WorkerPool implements DataPlane {
  readonly #options: WorkerOptions;
  readonly #counts: WorkerCounts;
  readonly #all = new Set<WorkerProcess>();
  readonly #restarts = new Set<NodeJS.Timeout>();
  readonly #events: WorkerEvents;
  #table: RouteTable;
  #keys: GatewaySettings['keys'];
  #readiness: Readiness;
  #url = '';
  #lost = 0;
  #waits = 0;
  #closing = false;
  #looks: NodeJS.Timeout | undefined;
  #firstBegin: { readonly served: () => void; readonly failed: (error: Error) => void } | null = null;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#table = options.table;
    this.#keys = options.settings.keys;
    this.#readiness = options.readiness;
    this.#counts = new WorkerCounts(options.process);
    this.#events = {
      hello: (worker) => void this.#begin(worker),
      event: (worker, event) => this.#heard(worker, event),
      ended: (worker, how) => this.#ended(worker, how),
    };
  }

  get url(): string {
    return this.#url;
  }

  get workers(): WorkersNow {
    const serving = this.#serving().map(({ pid, inFlight }) => ({ pid, inFlight }));
    return { wanted: this.#options.workers, serving, lost: this.#lost };
  }

  async start(): Promise<void> {
    const serving = new Promise<void>((resolve, reject) => {
      const served = (): void => {
        if (this.#serving().length === this.#options.workers) resolve();
      };
      this.#firstBegin = { served, failed: reject };
    });
    for (let i = 0; i < this.#options.workers; i++) this.#fork();
    try {
      await serving;
    } catch (error) {
      await this.close(0);
      throw error;
    }
    this.#firstBegin = null;
    this.#looks = setInterval(() => this.#replaceSilent(), LOOK_MS);
  }

  async apply(table: RouteTable): Promise<void> {
    const { changed, gone } = changeBetween(this.#table, table);
    const change = { changed: partOf(changed, this.#options.workers), gone };
    this.#table = table;
    if (this.#readiness === 'catching-up') this.#readiness = 'ready';
    this.#counts.forgetAllBut(table);
    await Promise.all(
      [...this.#all].map(async (worker) => {
        for (const name of gone) worker.states.delete(name);
        if (!worker.begun) return; // It will begin with this table.
        try {
          await worker.call('apply', change, APPLY_MS_MAX);
        } catch (error) {
          await worker.kill(`was killed, for it may serve by an old table: ${messageOf(error)}`);
        }
      }),
    );
  }

  async states(only: ServiceName | null): Promise<States> {
    const asked = this.#serving();
    const answered = await Promise.all(asked.map(async (worker) => await refresh(worker, only)));
    // One that has ended meanwhile is counted among the ended.
    const complete = asked.every((worker, i) => answered[i] === true || !worker.serving);
    const told = asked.filter((worker) => worker.serving).map((worker) => worker.states);
    const routes = Object.entries(this.#table).filter(([name]) => only === null || name === only);
    return Object.fromEntries(
      routes.map(([name, route]) => {
        const states = told.flatMap((all) => all.get(name) ?? []);
        return [name, this.#counts.stateOf(route, states, complete)];
      }),
    );
  }

  async ask<Name extends keyof Questions>(
    name: Name,
    argument: Questions[Name]['argument'],
    msMax = ASK_MS_MAX,
  ): Promise<readonly Questions[Name]['answer'][]> {
    return await this.#askEach(this.#serving(), { name, argument, msMax });
  }

  replaceKeys(keys: GatewaySettings['keys']): void {
    mustStayAsItIs(this.#keys !== undefined, keys);
    this.#keys = keys;
    if (keys !== undefined) void this.ask('replaceKeys', partOfKeys(keys, this.#options.workers));
  }

  async announceEnd(): Promise<void> {
    this.#readiness = 'closing';
    // Whoever ends this process now wants all of it ended; were it killed, workers would finish what runs.
    process.once('exit', () => {
      for (const worker of this.#all) void worker.kill('ended with its parent');
    });
    await this.ask('announceEnd', null);
  }

  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    clearInterval(this.#looks);
    for (const timer of this.#restarts) clearTimeout(timer);
    await Promise.all(
      [...this.#all].map(async (worker) => {
        // One that was just started has nothing to finish.
        if (!worker.begun) return await worker.kill('had not begun');
        try {
          await worker.call('close', { graceMs }, graceMs + CLOSE_MS_MAX);
        } catch {
          await worker.kill('did not end in time');
        }
        await worker.ended;
      }),
    );
  }

  #serving(): readonly WorkerProcess[] {
    return [...this.#all].filter((worker) => worker.serving);
  }

  #fork(): void {
    this.#all.add(new WorkerProcess(this.#events));
  }

  async #begin(worker: WorkerProcess): Promise<void> {
    const { host, port, dataDir, redisUrl, process, startedAtMs, workers } = this.#options;
    worker.begun = true;
    try {
      const table = partOf(this.#table, workers);
      const keys = this.#keys === undefined ? {} : { keys: partOfKeys(this.#keys, workers) };
      const settings = { ...this.#options.settings, ...keys };
      const readiness = this.#readiness;
      const beginning = { host, port, settings, dataDir, redisUrl, process, startedAtMs, table, readiness };
      const { url } = await worker.call('begin', beginning, BEGIN_MS_MAX);
      this.#url = url;
      worker.serving = true;
      worker.served = true;
      this.#options.tell({ event: 'worker-serves', worker: worker.pid });
      this.#firstBegin?.served();
    } catch (error) {
      this.#firstBegin?.failed(error instanceof Error ? error : new Error(messageOf(error)));
      await worker.kill(`did not begin: ${messageOf(error)}`);
    }
  }

  #ended(worker: WorkerProcess, how: string): void {
    this.#all.delete(worker);
    const brokenOff = this.#counts.bury(worker.states);
    if (this.#closing) return;
    this.#lost++;
    const ranMs = performance.now() - worker.startedAtMs;
    const isLast = this.#all.size === 0;
    const { waitMs, row } = replacementWait(this.#waits, { ranMs, served: worker.served, isLast });
    this.#waits = row;
    this.#options.tell({ event: 'worker-lost', worker: worker.pid, how, brokenOff, nextInMs: waitMs });
    const timer = setTimeout(() => {
      this.#restarts.delete(timer);
      this.#fork();
    }, waitMs);
    this.#restarts.add(timer);
  }

  /** What one worker has seen fail, or come back, the others need not find out with requests of their own. */
  #heard(worker: WorkerProcess, event: Readonly<Record<string, unknown>>): void {
    this.#options.tell({ ...event, worker: worker.pid });
    const { event: what, service, cluster: name, place } = event;
    if (what === 'gateway-fault' && place === 'process') faults.count('process');
    const question = what === 'cluster-ejected' ? 'ejectedElsewhere' : 'returnedElsewhere';
    if (question === 'returnedElsewhere' && what !== 'cluster-returned') return;
    if (typeof service !== 'string' || typeof name !== 'string') return;
    const others = this.#serving().filter((other) => other !== worker);
    void this.#askEach(others, { name: question, argument: { service, cluster: name }, msMax: ASK_MS_MAX });
  }

  async #askEach<Name extends keyof Questions>(
    workers: readonly WorkerProcess[],
    { name, argument, msMax }: { name: Name; argument: Questions[Name]['argument']; msMax: number },
  ): Promise<readonly Questions[Name]['answer'][]> {
    const answers = await Promise.allSettled(workers.map(async (worker) => await worker.call(name, argument, msMax)));
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  }

  #replaceSilent(): void {
    for (const worker of this.#serving()) if (worker.fellSilent()) void worker.kill('was killed, for it fell silent');
  }
}

/** Asks for its states now; false leaves those that it told last. */
async function refresh(worker: WorkerProcess, only: ServiceName | null): Promise<boolean> {
  try {
    worker.learn(await worker.call('states', only, ASK_MS_MAX));
    return true;
  } catch {
    return false;
  }
}

/** A worker asked for port 0 would get a new one after each restart of all. */
async function freePort(host: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
