/** One process under supervision: started, restarted when it ends by itself, and ended when told to. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '../../domain/errors.js';
import { nextWait } from '../../domain/back-off.js';

/** One life of a process. */
export interface Life {
  readonly pid: number;
  /** Settles when it serves; rejects when it does not get there. */
  readonly ready: Promise<void>;
  /** Settles when it is gone, saying how, e.g. `was ended by SIGKILL`. */
  readonly ended: Promise<string>;
  /** Asks it to end, and kills it after `graceMs`. Repeatable. */
  stop(graceMs: number): Promise<void>;
  kill(): void;
}

export interface SupervisedOrder {
  readonly name: string;
  readonly start: () => Promise<Life>;
  /** Told when it ended by itself and when it is back. */
  readonly onEvent: (text: string) => void;
  /** Told whenever it serves after a start: its pid has changed. */
  readonly onStart: () => void;
}

export interface Supervised {
  readonly name: string;
  /** Settles when it serves for the first time. Rejects with CodedError `start-failed` or what `start` threw. */
  readonly ready: Promise<void>;
  /** `null` between two lives. */
  pid(): number | null;
  state(): 'starting' | 'running' | 'restarting' | 'stopped';
  /** Ends it for good, also in the middle of a start. */
  stop(graceMs: number): Promise<void>;
  /** Ends it at once, without waiting. */
  kill(): void;
}

/** Starts it at once. A first start that fails is the caller's to hear; later ones are repeated with growing waits. */
export function supervise(order: SupervisedOrder): Supervised {
  const run: Run = { order, stopping: new AbortController(), life: null, state: 'starting' };
  const startedAtMs = Date.now();
  const first = live(run);
  const ready = first.then(async (life) => await serve(run, life));
  const watching = ready
    .then(async () => await keepAlive(run, await (await first).ended, startedAtMs))
    .catch(() => undefined);
  return {
    name: order.name,
    ready,
    pid: () => run.life?.pid ?? null,
    state: () => (run.stopping.signal.aborted ? 'stopped' : run.state),
    stop: async (graceMs) => {
      run.stopping.abort();
      await first.catch(() => undefined);
      await run.life?.stop(graceMs);
      await watching;
    },
    kill: () => {
      run.stopping.abort();
      run.life?.kill();
    },
  };
}

/** What changes while a process is supervised. */
interface Run {
  readonly order: SupervisedOrder;
  readonly stopping: AbortController;
  /** `null` between two lives. */
  life: Life | null;
  state: 'starting' | 'running' | 'restarting';
}

async function live(run: Run): Promise<Life> {
  const life = await run.order.start();
  run.life = life;
  // Told to end while it was starting: there was nothing to end then, now there is.
  if (run.stopping.signal.aborted) life.kill();
  return life;
}

async function serve(run: Run, life: Life): Promise<void> {
  const { name, onStart } = run.order;
  await Promise.race([life.ready, life.ended.then((how) => Promise.reject(startFailed(name, how)))]);
  run.state = 'running';
  onStart();
}

/** Until it is told to stop: a wait, then another life. */
async function keepAlive(run: Run, firstEnd: string, firstStartMs: number): Promise<void> {
  const { name, onEvent } = run.order;
  const { signal } = run.stopping;
  let [how, row, since] = [firstEnd, 0, firstStartMs];
  while (!signal.aborted) {
    [run.life, run.state] = [null, 'restarting'];
    const next = nextWait(row, Date.now() - since);
    row = next.row;
    onEvent(`${name} ${how}; starting it again in ${next.waitMs} ms`);
    await sleep(next.waitMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    since = Date.now();
    how = await liveAgain(run);
  }
}

/** Returns how it ended, or why it could not begin. */
async function liveAgain(run: Run): Promise<string> {
  const { name, onEvent } = run.order;
  try {
    const life = await live(run);
    serve(run, life).then(
      () => onEvent(`${name} is back`),
      () => undefined, // its end says it
    );
    return await life.ended;
  } catch (error) {
    return `did not start (${(error as Error).message})`;
  }
}

function startFailed(name: string, how: string): CodedError {
  return new CodedError('start-failed', `${name} did not start: it ${how}`);
}
