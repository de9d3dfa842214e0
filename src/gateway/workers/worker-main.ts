/**
 * A worker process of the gateway: serves callers like a gateway of one process, does what its parent tells it, and tells
 * what it counts. It reads no configuration. Without its parent it finishes what runs, and ends.
 */
import { messageOf } from '../../domain/describe-error.js';
import cluster from 'node:cluster';
import { CodedError } from '../../domain/errors.js';
import type { ShutdownSettings } from '../../domain/fleet.js';
import type { TrafficState } from '../../domain/traffic.js';
import type { DataPlane, States } from '../data-plane.js';
import { faults } from '../boundary.js';
import { serveHere } from '../serve-here.js';
import { readCall, tableAfter, type Beginning, type Call, type Word } from './messages.js';

/** What a kill can take from the counts: what was counted since the last report. */
const REPORT_MS = 200;

/** As the command line's exit code of a bug in Understudy. */
const FAULT_EXIT = 70;
const LAST_WORDS_MS = 500;

const say = (word: Word, sent?: () => void): void => {
  // A parent that is gone hears nothing, and `disconnect` has begun the end of this process.
  if (process.connected) process.send?.(word, undefined, undefined, () => sent?.());
  else sent?.();
};
const tell = (event: Readonly<Record<string, unknown>>): void => say({ kind: 'event', event });

let table: Beginning['table'] = {};
let plane: Promise<DataPlane> | null = null;
let shutdown: ShutdownSettings = { delayMs: 0, graceMs: 0 };
let closing: Promise<void> | null = null;

/** What was reported last, service by service. */
const reported = new Map<string, string>();

// The parent's word is all that keeps this process until it serves, whatever was preloaded (`understudy dev` lets go of it).
process.channel?.ref();
process.on('message', (said: unknown) => {
  const call = readCall(said);
  if (call === null) return faults.caught('worker', new Error('the parent said something that is no call'));
  carryOut(call).then(
    (answer) => say({ kind: 'answer', id: call.id, answer }),
    (error: unknown) => {
      const why = messageOf(error);
      say({ kind: 'failure', id: call.id, why, code: error instanceof CodedError ? error.code : null });
    },
  );
});
// The parent replaces this process at once. What it runs breaks off: nobody knows what a throw from nowhere has left undone.
for (const kind of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(kind, (error: unknown) => {
    faults.caught('process', error);
    setTimeout(() => process.exit(FAULT_EXIT), LAST_WORDS_MS);
    say({ kind: 'report', states: {} }, () => process.exit(FAULT_EXIT));
  });
}
// A Ctrl-C goes to the whole group, and the parent is the one that ends it in order.
process.on('SIGINT', () => undefined);
// A service manager may signal every process: then the port must stay open as long as the parent keeps the others'.
process.on('SIGTERM', () => {
  void plane?.then(async (serving) => await serving.announceEnd());
  setTimeout(() => void close(shutdown.graceMs), shutdown.delayMs);
});
cluster.worker?.on('disconnect', () => {
  // Otherwise Node ends this process here and now, in the middle of its streams.
  if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true;
  void close(shutdown.graceMs);
});
say({ kind: 'hello' });

async function carryOut(call: Call): Promise<unknown> {
  if (call.name === 'begin') return await begin(call.argument);
  if (plane === null) throw new Error(`${call.name} before begin`);
  const serving = await plane;
  if (call.name === 'apply') {
    table = tableAfter(table, call.argument);
    await serving.apply(table);
    return null;
  }
  if (call.name === 'close') {
    await close(call.argument.graceMs);
    return null;
  }
  const [answer] = await serving.ask(call.name, call.argument as never);
  return answer;
}

async function begin(beginning: Beginning): Promise<{ readonly url: string }> {
  table = beginning.table;
  shutdown = beginning.settings.shutdown;
  plane = serveHere({ ...beginning, clock: Date.now, tell });
  const { url } = await plane;
  setInterval(() => void report().catch((error: unknown) => faults.caught('timer', error)), REPORT_MS).unref();
  return { url };
}

async function report(): Promise<void> {
  const states = (await plane)?.states(null);
  if (states !== undefined) say({ kind: 'report', states: newsIn(await states) });
}

function newsIn(states: States): States {
  return Object.fromEntries(
    Object.entries(states).filter(([name, state]) => {
      const mark = markOf(state);
      if (reported.get(name) === mark) return false;
      reported.set(name, mark);
      return true;
    }),
  );
}

/** Differs whenever something was counted, began or ended; far shorter than the state itself. */
function markOf({ callers, clusters }: TrafficState): string {
  const numbers = Object.values(clusters).map(({ inFlight, counters }) => [inFlight, ...Object.values(counters)]);
  return [...Object.values(callers), ...numbers].join();
}

/** The last report is the exact one. */
async function close(graceMs: number): Promise<void> {
  closing ??= (async () => {
    await (await plane)?.close(graceMs);
    await report();
    // Answers under way go out first.
    setImmediate(() => say({ kind: 'report', states: {} }, () => process.exit(0)));
  })();
  await closing;
}
