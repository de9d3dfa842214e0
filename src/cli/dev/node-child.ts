/** One life of one of our own verbs as a child process. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseFields } from '../../domain/outside.js';
import type { LogFile } from './log-file.js';
import type { Life } from './supervised.js';

const BIN = fileURLToPath(new URL('../../../bin/understudy.js', import.meta.url));
const LEASH = new URL('./leash.js', import.meta.url).href;

/** A worker on a busy machine loads the bundler, the native core and its workflows. */
const READY_TIMEOUT_MS = 60_000;
const LAST_LINES_MAX = 3;
const READY_LINE_CHARS_MAX = 64 * 1024;

export interface NodeChildOrder {
  /** Verb and options, e.g. `['gateway', '--port', '4401']`. */
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly log: LogFile;
}

/** Starts it; `ready` settles with its `{"event":"ready"}` line. */
export function startNodeChild(order: NodeChildOrder): Life {
  // Detached: a Ctrl-C goes to the whole group of the terminal, but the order in which we end matters.
  const child = spawn(process.execPath, ['--import', LEASH, BIN, ...order.args], {
    env: order.env,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
  });
  const last: string[] = [];
  const ready = readyOf(child, order, last);
  ready.catch(() => undefined); // whoever waits for it hears it
  const ended = endOf(child, last);
  return {
    pid: child.pid ?? 0,
    ready,
    ended,
    stop: async (graceMs) => {
      child.kill('SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await ended;
      clearTimeout(force);
    },
    kill: () => {
      child.kill('SIGKILL');
    },
  };
}

function readyOf(child: ChildProcess, { log }: NodeChildOrder, last: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`was not ready in ${READY_TIMEOUT_MS / 1000} s`));
      child.kill('SIGKILL');
    }, READY_TIMEOUT_MS);
    timer.unref();
    hearLines(child, (line) => {
      log.write(line);
      remember(line, last);
      if (!isReadyLine(line)) return;
      clearTimeout(timer);
      resolve();
    });
    child.once('close', () => clearTimeout(timer));
  });
}

function hearLines({ stdout, stderr }: ChildProcess, onLine: (line: string) => void): void {
  for (const stream of [stdout, stderr]) {
    if (stream) createInterface({ input: stream }).on('line', onLine);
  }
}

/** Keeps the last lines of text: an error is one, an event is not. */
function remember(line: string, last: string[]): void {
  if (line.trim() === '' || line.startsWith('{')) return;
  last.push(line.trim());
  if (last.length > LAST_LINES_MAX) last.shift();
}

function endOf(child: ChildProcess, last: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(`could not be started (${error.message})`));
    // `close` and not `exit`: the last words are read by then.
    child.once('close', (code, signal) => {
      const said = last.length === 0 ? '' : `: ${last.join(' | ')}`;
      resolve(signal === null ? `ended with exit ${code}${said}` : `was ended by ${signal}`);
    });
  });
}

function isReadyLine(line: string): boolean {
  return line.startsWith('{') && parseFields(line, { charsMax: READY_LINE_CHARS_MAX })?.['event'] === 'ready';
}
