/**
 * The outside as workflows see it. `read.*` looks, `mutate.*` changes, `undo.*` is `mutate` with the patience of
 * somebody who must not leave things half done. The first argument of each call is its title in Temporal's UI.
 */
import {
  ActivityCancellationType,
  proxyActivities,
  proxyLocalActivities,
  type ActivityOptions,
  type LocalActivityOptions,
} from '@temporalio/workflow';
import { inMarkdown, SUMMARY_CHARS_MAX } from '../domain/printable.js';
import type { Mutate, Read, Tell } from './ports.js';

type Titled<Port> = {
  readonly [K in keyof Port]: Port[K] extends (order: infer Order) => infer Answer
    ? (title: string, order: Order) => Answer
    : never;
};

/** Codes that no repetition can heal (docs/errors.md: families refused, fenced, rejected, invariant). */
const FINAL = [
  'bad-input',
  'unknown-service',
  'unknown-cluster',
  'stale-epoch',
  'epoch-too-far',
  'invariant',
  'preflight-blocked',
];

type Proxied<Options> = Record<
  string,
  { executeWithOptions: (o: Options, args: unknown[]) => Promise<unknown> } | undefined
>;

function withTitles<Port extends object, Options extends { summary?: string }>(
  activities: Proxied<Options>,
): Titled<Port> {
  return new Proxy({} as Titled<Port>, {
    get: (_target, name) => async (title: string, order: unknown) =>
      await activities[name as string]?.executeWithOptions(
        { summary: inMarkdown(title, SUMMARY_CHARS_MAX) } as Options,
        [order],
      ),
  });
}

const titled = <Port extends object>(options: ActivityOptions): Titled<Port> =>
  withTitles<Port, ActivityOptions>(proxyActivities(options) as unknown as Proxied<ActivityOptions>);

const titledHere = <Port extends object>(options: LocalActivityOptions): Titled<Port> =>
  withTitles<Port, LocalActivityOptions>(proxyLocalActivities(options) as unknown as Proxied<LocalActivityOptions>);

const retry = { initialInterval: 100, backoffCoefficient: 2, maximumInterval: 2_000, nonRetryableErrorTypes: FINAL };

export const read: Titled<Read> = titled<Read>({
  startToCloseTimeout: '10 seconds',
  scheduleToCloseTimeout: '30 seconds',
  retry,
});

/**
 * In the worker itself, within the workflow task: no way through the server's queues, which are long when a hundred
 * services lose the same cluster. For the first weight of an emergency and for telling guards, and nothing that takes
 * long: a word to the workflow waits for it. Whoever fails here is asked again the ordinary way.
 */
export const atOnce: Titled<Pick<Read, 'preflight'> & Pick<Mutate, 'shift'> & Tell> = titledHere<
  Pick<Read, 'preflight'> & Pick<Mutate, 'shift'> & Tell
>({
  startToCloseTimeout: '1 second',
  retry: { maximumAttempts: 1 },
});

/** Of what lasts long: after some 15 s without a layer that answers, whoever waits for it is told. */
const ATTEMPTS_MAX = 10;

/** Watching lasts as long as a gate allows; TRY_CANCEL, so that an operator's word is not kept waiting for a heartbeat. */
export const watching = (deadlineMs: number): Titled<Pick<Read, 'watchStep'>> =>
  titled<Pick<Read, 'watchStep'>>({
    startToCloseTimeout: deadlineMs + 20_000,
    scheduleToCloseTimeout: deadlineMs + 30_000,
    heartbeatTimeout: '3 seconds',
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: { ...retry, maximumAttempts: ATTEMPTS_MAX },
  });

/** A look that lasts for hours and returns only with news. */
export const guarding: Titled<Pick<Read, 'watchDrift'>> = titled<Pick<Read, 'watchDrift'>>({
  startToCloseTimeout: '2 hours',
  heartbeatTimeout: '30 seconds',
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  retry: { ...retry, maximumInterval: 10_000 },
});

export const mutate: Titled<Mutate> = titled<Mutate>({
  startToCloseTimeout: '5 seconds',
  scheduleToCloseTimeout: '1 minute',
  retry,
});

/** Bounded, and tried once: a cold target is slow at first, no more. */
export const warming = (timeoutMs: number): Titled<Pick<Mutate, 'warmUp'>> =>
  titled<Pick<Mutate, 'warmUp'>>({
    startToCloseTimeout: timeoutMs + 10_000,
    scheduleToCloseTimeout: timeoutMs + 20_000,
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: { ...retry, maximumAttempts: 2 },
  });

export const draining = (timeoutMs: number): Titled<Pick<Mutate, 'drain'>> =>
  titled<Pick<Mutate, 'drain'>>({
    startToCloseTimeout: timeoutMs + 20_000,
    scheduleToCloseTimeout: timeoutMs + 60_000,
    heartbeatTimeout: '5 seconds',
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: { ...retry, maximumAttempts: ATTEMPTS_MAX },
  });

type Asked = Pick<Read, 'traffic' | 'preflight'> & Pick<Mutate, 'fence' | 'shift' | 'undrain'>;

/** What a move asks first; whoever is not answered by then goes on with `untilBack`, and says so. */
export const soon: Titled<Asked> = titled<Asked>({
  startToCloseTimeout: '10 seconds',
  scheduleToCloseTimeout: '15 seconds',
  retry,
});

/** Without an end: another try costs no history. TRY_CANCEL, so that a person can end the wait. */
export const untilBack: Titled<Asked> = titled<Asked>({
  startToCloseTimeout: '10 seconds',
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  retry: { ...retry, initialInterval: 500 },
});

export const undo: Titled<Mutate> = titled<Mutate>({
  startToCloseTimeout: '5 seconds',
  scheduleToCloseTimeout: '30 minutes',
  retry,
});

/** What must be true before anything else can be, however long the layer is away. */
export const patient: Titled<Mutate> = titled<Mutate>({
  startToCloseTimeout: '5 seconds',
  retry: { ...retry, maximumInterval: 10_000 },
});
