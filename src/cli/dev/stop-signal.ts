/** Ctrl-C and its relatives: the first one asks, a second one insists. */

export interface StopSignal {
  /** Aborts with the first signal. */
  readonly signal: AbortSignal;
  /** Settles then. */
  readonly stopped: Promise<undefined>;
  /** What a second one does, before this process ends at once. */
  onSecond(kill: () => void): void;
  release(): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** As shells count a Ctrl-C. */
const EXIT_INTERRUPTED = 130;

export function listenForStop(): StopSignal {
  const abort = new AbortController();
  let kill: () => void = () => undefined;
  const hear = (): void => {
    if (!abort.signal.aborted) {
      abort.abort();
      return;
    }
    kill();
    process.exit(EXIT_INTERRUPTED);
  };
  for (const name of SIGNALS) process.on(name, hear);
  return {
    signal: abort.signal,
    stopped: new Promise((resolve) => abort.signal.addEventListener('abort', () => resolve(undefined))),
    onSecond: (action) => {
      kill = action;
    },
    release: () => {
      for (const name of SIGNALS) process.off(name, hear);
    },
  };
}
