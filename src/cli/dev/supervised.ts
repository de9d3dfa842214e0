/** One process under supervision: started, restarted when it ends by itself, and ended when told to. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '../../domain/errors.js';
import { nextWait } from './back-off.js';

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
  const { name } = order;
  const stopping = new AbortController();
  let life: Life | null = null;
  let state: ReturnType<Supervised['state']> = 'starting';

  const live = async (): Promise<Life> => {
    const begun = await order.start();
    life = begun;
    // Told to end while it was starting: there was nothing to end then, now there is.
    if (stopping.signal.aborted) begun.kill();
    return begun;
  };
  const serves = async (begun: Life): Promise<void> => {
    await Promise.race([begun.ready, begun.ended.then((how) => Promise.reject(startFailed(name, how)))]);
    state = 'running';
    order.onStart();
  };
  /** Returns how it ended, or why it could not begin. */
  const liveAgain = async (): Promise<string> => {
    try {
      const begun = await live();
      serves(begun).then(
        () => order.onEvent(`${name} is back`),
        () => undefined, // its end says it
      );
      return await begun.ended;
    } catch (error) {
      return `did not start (${(error as Error).message})`;
    }
  };
  const watch = async (how: string, startedAtMs: number): Promise<void> => {
    let [row, since] = [0, startedAtMs];
    while (!stopping.signal.aborted) {
      [life, state] = [null, 'restarting'];
      const next = nextWait(row, Date.now() - since);
      row = next.row;
      order.onEvent(`${name} ${how}; starting it again in ${next.waitMs} ms`);
      await sleep(next.waitMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return;
      since = Date.now();
      how = await liveAgain();
    }
  };

  const startedAt = Date.now();
  const first = live();
  const ready = first.then(serves);
  const watching = ready.then(async () => await watch(await (await first).ended, startedAt)).catch(() => undefined);
  return {
    name,
    ready,
    pid: () => life?.pid ?? null,
    state: () => (stopping.signal.aborted ? 'stopped' : state),
    stop: async (graceMs) => {
      stopping.abort();
      await first.catch(() => undefined);
      await life?.stop(graceMs);
      await watching;
    },
    kill: () => {
      stopping.abort();
      life?.kill();
    },
  };
}

function startFailed(name: string, how: string): CodedError {
  return new CodedError('start-failed', `${name} did not start: it ${how}`);
}
