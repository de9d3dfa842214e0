/** Verbs that serve until they are stopped: JSON lines on stdout, an orderly end on SIGTERM, SIGINT or a lost parent. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describeError } from '../domain/describe-error.js';
import { EXIT_BY_FAMILY } from '../domain/errors.js';
import { EXIT } from './exit.js';
import { printJson } from './output.js';

/** One event as a JSON line; `{"event":"ready",…}` says that a process serves. */
export function eventLine(event: { readonly event: string } & Readonly<Record<string, unknown>>): void {
  printJson(event);
}

export interface Serving {
  /** Ends in an orderly way. */
  stop(): Promise<void> | void;
  /** Resolves when it ended by itself; absent: it never does. */
  readonly ended?: Promise<void>;
}

const LINGER_MS = 1_000;
/** How long a start may still take when it is told to stop: then it is stopped in order. */
const START_MS_MAX_ONCE_STOPPED = 3_000;

/**
 * Starts, then serves until a signal, the end of the parent or of the work itself. A second signal ends at once.
 * @returns the exit code
 */
export async function serveUntilStopped(start: () => Promise<Serving>): Promise<number> {
  endOnFault();
  outliveTheLog();
  const stopped = stopRequest();
  const serving = await startedOr(stopped, start());
  if (serving === null) return EXIT.done;
  // A signal during the start is not lost: `stopped` has heard it.
  const why = await Promise.race([
    stopped,
    ...(serving.ended === undefined ? [] : [serving.ended.then(() => 'ended')]),
  ]);
  if (why !== 'ended') eventLine({ event: 'stopping', why });
  await serving.stop();
  await serving.ended;
  endSoon();
  return why === 'ended' ? EXIT.notDone : EXIT.done;
}

/** `null`: it was told to stop, and the start did not come to an end soon after. Whatever the start has opened ends too. */
async function startedOr(stopped: Promise<string>, starting: Promise<Serving>): Promise<Serving | null> {
  const gaveUp = stopped.then(async () => await sleep(START_MS_MAX_ONCE_STOPPED, null, { ref: false }));
  try {
    const serving = await Promise.race([starting, gaveUp]);
    if (serving === null) endSoon();
    return serving;
  } catch (error) {
    endSoon(); // a start that failed halfway leaves connections behind
    throw error;
  }
}

/** A connection that somebody keeps open must not keep the process. Its exit code is set by then. */
function endSoon(): void {
  setTimeout(() => process.exit(), LINGER_MS).unref();
}

/** Whoever reads the log may go (`| head`, a collector that died): a lost log is no reason to stop serving. */
export function outliveTheLog(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.removeAllListeners('error'); // a verb that only prints ends there
    stream.on('error', () => undefined);
  }
}

/**
 * What nobody caught is logged whole, and ends the process with the code of a bug: nobody knows what it left undone, and
 * whoever supervises it starts it again.
 */
export function endOnFault(write: (event: { readonly event: string }) => void = eventLine): void {
  for (const kind of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(kind, (error: unknown) => {
      try {
        write({ event: 'process-fault', ...{ kind }, ...describeError(error) });
      } finally {
        process.exit(EXIT_BY_FAMILY.invariant);
      }
    });
  }
}

interface Worker {
  run(): Promise<void>;
  shutdown(): void;
}

/** A worker: `run()` resolves when it has shut down. */
export async function serveWorker(
  label: Readonly<Record<string, string>>,
  start: () => Promise<Worker>,
): Promise<number> {
  return await serveUntilStopped(async () => {
    eventLine({ event: 'starting', ...label }); // Temporal and its namespace are waited for
    const worker = await start();
    const ended = worker.run();
    eventLine({ event: 'ready', ...label });
    return { ended, stop: () => worker.shutdown() };
  });
}

/** Resolves with the reason of the first request to stop. */
async function stopRequest(): Promise<string> {
  return await new Promise((resolve) => {
    let asked = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (asked) process.exit(EXIT.interrupted);
      asked = true;
      resolve(signal);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
    // A parent that dies without a signal closes the channel: nobody would end this process otherwise.
    if (process.channel !== undefined) process.once('disconnect', () => resolve('the parent has gone'));
  });
}
