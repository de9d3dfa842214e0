/**
 * The embedded Temporal: the CLI's development server with its state in one SQLite file, so that running moves survive
 * a restart of everything. For one machine; several machines want a Temporal cluster (docs/temporal.md).
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { claimFolder } from '../config/own-files.js';
import { CodedError } from '../domain/errors.js';
import { connectClient } from './connect.js';
import { openGuardedPort, type GuardedPort } from './guarded-port.js';
import { listenForLastWords } from './last-words.js';
import { endLeftOver, forgetServer, rememberServer } from './left-over.js';
import { isFree, requireFreePorts } from './ports.js';
import { innerPorts, serverArguments, type InnerPorts } from './server-arguments.js';
import { endWithUs } from './watchdog.js';

export interface ServerOrder {
  /** Path of the Temporal CLI, from `findTemporalBinary`. */
  readonly binary: string;
  /** Folder of `temporal.db`; made when it is missing. */
  readonly dataDir: string;
  readonly port: number;
  /** Both are doors of ours (guarded-port.ts): what Temporal itself serves stands behind them. */
  readonly uiPort: number;
  readonly metricsPort: number;
  readonly namespace: string;
  readonly headless?: boolean;
  /** More dynamic configuration, e.g. a small history limit in a test; values are JSON. */
  readonly dynamicConfig?: Readonly<Record<string, string>>;
  /** What the server itself says (warnings and errors), one line a call. */
  readonly onLine: (line: string) => void;
}

export interface TemporalServer {
  /** host:port */
  readonly address: string;
  readonly pid: number;
  /** `null` when headless. */
  readonly uiUrl: string | null;
  /** Settles when the process has ended, for whatever reason. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** Ends it, by force after 5 s. Repeatable. */
  stop(): Promise<void>;
  /** Ends it at once, without waiting. */
  kill(): void;
}

const LOOPBACK = '127.0.0.1';
/** About 1 s on a quiet machine; a big file on a busy one takes longer. */
const START_TIMEOUT_MS = 60_000;
const PROBE_TIMEOUT_MS = 2_000;
const STOP_TIMEOUT_MS = 5_000;
const ATTEMPTS_MAX = 3;
/** Exit status of a Go program that panicked. */
const GO_PANIC = 2;

/**
 * Starts the server and waits until it serves the namespace.
 * @throws CodedError `port-taken`, `bad-input` (a data directory that cannot be written), `start-failed`
 */
export async function startTemporalServer(order: ServerOrder): Promise<TemporalServer> {
  const dataDir = writableFolder(order.dataDir);
  const databaseFile = join(dataDir, 'temporal.db');
  const pidFile = join(dataDir, 'temporal.pid');
  const ended = await endLeftOver(pidFile, databaseFile);
  if (ended !== null) order.onLine(`ended process ${ended}, a Temporal server left over from an earlier run`);
  await requireFreePorts(wantedPorts(order));

  for (let attempt = 1; ; attempt += 1) {
    const tried = await tryToStart(order, { databaseFile, pidFile, inner: await innerPorts(order) });
    if (tried.server) return tried.server;
    if (!tried.lostRace || attempt === ATTEMPTS_MAX) throw startFailed(tried, databaseFile);
    order.onLine(`the Temporal server broke while starting, once more: ${tried.lastWords.join(' | ')}`);
  }
}

interface FailedStart {
  readonly server: null;
  readonly error: unknown;
  readonly lastWords: readonly string[];
  /** Somebody else took a port of those behind our doors, or of its inner services (then it ended by a Go panic). */
  readonly lostRace: boolean;
}

async function tryToStart(
  order: ServerOrder,
  files: { readonly databaseFile: string; readonly pidFile: string; readonly inner: InnerPorts },
): Promise<FailedStart | { readonly server: TemporalServer }> {
  const lastWords = listenForLastWords();
  // Detached: Ctrl-C in a terminal reaches every process of the group, and Temporal must be the last to go.
  const child = spawn(order.binary, serverArguments(order, files), {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  relayLines(child, (line) => {
    lastWords.hear(line);
    order.onLine(line);
  });
  const server = superviseServer(child, order, files.pidFile);
  try {
    await untilServing(server, order.namespace);
    const doors = await openDoors(order, files.inner);
    void server.ended.then(async () => await closeAll(doors));
    return { server };
  } catch (error) {
    const panicked = child.exitCode === GO_PANIC;
    await server.stop();
    const taken = (await Promise.all(Object.values(files.inner).map(isFree))).includes(false);
    return { server: null, error, lastWords: lastWords.tell(), lostRace: panicked || taken };
  }
}

async function openDoors(order: ServerOrder, inner: InnerPorts): Promise<readonly GuardedPort[]> {
  const metrics = await openGuardedPort(order.metricsPort, inner.metrics);
  if (order.headless) return [metrics];
  try {
    return [metrics, await openGuardedPort(order.uiPort, inner.ui)];
  } catch (error) {
    await metrics.close();
    throw error;
  }
}

const closeAll = async (doors: readonly GuardedPort[]): Promise<void> => {
  await Promise.all(doors.map(async (door) => await door.close()));
};

function wantedPorts({ port, uiPort, metricsPort, headless }: ServerOrder): Parameters<typeof requireFreePorts>[0] {
  return [
    { port, purpose: 'Temporal' },
    ...(headless ? [] : [{ port: uiPort, purpose: 'Temporal UI' }]),
    { port: metricsPort, purpose: 'Temporal metrics' },
  ];
}

function writableFolder(folder: string): string {
  const path = resolve(folder);
  try {
    claimFolder(path);
    accessSync(path, constants.W_OK);
    return path;
  } catch (error) {
    if (error instanceof CodedError) throw error;
    throw new CodedError('bad-input', `the data directory ${path} cannot be written: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function relayLines(child: ChildProcess, onLine: (line: string) => void): void {
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on('line', onLine);
  }
}

function superviseServer(child: ChildProcess, order: ServerOrder, pidFile: string): TemporalServer {
  const pid = child.pid ?? 0;
  const release = pid > 0 ? endWithUs(pid) : () => undefined;
  if (pid > 0) rememberServer(pidFile, pid);
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((settle) => {
    child.once('error', (error) => {
      order.onLine(error.message);
      settle({ code: null, signal: null });
    });
    child.once('exit', (code, signal) => settle({ code, signal }));
  });
  void ended.then(() => {
    release();
    forgetServer(pidFile, pid);
  });
  return {
    address: `${LOOPBACK}:${order.port}`,
    pid,
    uiUrl: order.headless ? null : `http://${LOOPBACK}:${order.uiPort}`,
    ended,
    stop: async () => {
      child.kill('SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(force);
    },
    kill: () => {
      child.kill('SIGKILL');
    },
  };
}

/** Serving means that the namespace is described over gRPC: the port opens long before that. */
async function untilServing(server: TemporalServer, namespace: string): Promise<void> {
  const gone = server.ended.then(({ code, signal }) => {
    throw new Error(`it ended with ${signal ?? `exit ${code}`}`);
  });
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      const { connection } = await Promise.race([
        connectClient({ address: server.address, namespace, deadlineMs: PROBE_TIMEOUT_MS, env: {} }),
        gone,
      ]);
      await connection.close();
      return;
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      if (Date.now() > deadline) throw error;
      await sleep(100);
    }
  }
}

function startFailed({ error, lastWords }: FailedStart, databaseFile: string): CodedError {
  const said = lastWords.length === 0 ? '' : `; it said: ${lastWords.join(' | ')}`;
  return new CodedError(
    'start-failed',
    `the Temporal server did not start: ${(error as Error).message}${said}. ` +
      `If another version made ${databaseFile}, start with the version that made it or move the file away (its history goes with it)`,
    { cause: error },
  );
}
