/**
 * Every fault that a simulated cluster knows, with its parameters, defaults and limits: the one list from which the
 * control API, the CLI and docs/simulator.md speak. Faults on the `process` are real signals to the serving child;
 * those `inside` are played by the child itself.
 */

export type ParamSpec =
  | {
      readonly type: 'number';
      readonly default: number;
      readonly min: number;
      readonly max: number;
      readonly about: string;
    }
  | { readonly type: 'word'; readonly default: string; readonly of: readonly string[] | null; readonly about: string }
  | { readonly type: 'yes-no'; readonly default: boolean; readonly about: string };

export interface FaultDefinition {
  readonly where: 'process' | 'inside';
  readonly about: string;
  readonly params: Readonly<Record<string, ParamSpec>>;
}

const share = (value: number) =>
  ({ type: 'number', default: value, min: 0, max: 1, about: 'share of requests that meet it' }) as const;
const millis = (value: number, about: string) =>
  ({ type: 'number', default: value, min: 0, max: 600_000, about }) as const;
const word = (of: readonly [string, ...string[]], about: string) =>
  ({ type: 'word', default: of[0], of, about }) as const;
const freeWord = (about: string) => ({ type: 'word', default: '', of: null, about }) as const;
const number = (value: number, max: number, about: string) =>
  ({ type: 'number', default: value, min: 0, max, about }) as const;

export const FAULTS = {
  crash: {
    where: 'process',
    about: 'the serving process is killed (SIGKILL): streams break, then connections are refused',
    params: {},
  },
  freeze: {
    where: 'process',
    about: 'the serving process is stopped (SIGSTOP): the kernel accepts connections, nobody answers',
    params: {},
  },
  flap: {
    where: 'process',
    about: 'killed and back again, over and over',
    params: {
      periodMs: { type: 'number', default: 10_000, min: 200, max: 600_000, about: 'down for half of it, up for half' },
    },
  },
  cold: {
    where: 'process',
    about: 'restarted: refused at first, then /health 503 while the model loads, at last an empty prefix cache',
    params: {
      refusedMs: millis(2_000, 'refused for so long'),
      loading: { type: 'yes-no', default: true, about: 'no: nothing restarts, the prefix cache just never hits' },
    },
  },
  hang: {
    where: 'inside',
    about: 'the engine stops: /health stays 200, requests run, no step is made, streams are silent',
    params: {},
  },
  'engine-gone': {
    where: 'inside',
    about: 'the API lives without its engine: nothing runs, the queue grows, /health stays 200',
    params: {},
  },
  'decode-stall': { where: 'inside', about: 'the first token comes, then nothing', params: {} },
  errors: {
    where: 'inside',
    about: 'a share of requests is answered with an error',
    params: {
      share: share(0.3),
      as: word(['status', 'frame'], 'an HTTP status, or 200 whose first event is the error'),
      status: { type: 'number', default: 500, min: 400, max: 599, about: 'HTTP status' },
    },
  },
  slow: {
    where: 'inside',
    about: 'every answer and every check is slow',
    params: {
      factor: { type: 'number', default: 4, min: 1, max: 1_000, about: 'engine steps take so many times longer' },
      addedMs: millis(2_500, 'added before every answer'),
    },
  },
  'slow-first-token': {
    where: 'inside',
    about: 'the first token is late, the rest comes at full speed',
    params: { addedMs: millis(5_000, 'added before the first token') },
  },
  'cut-streams': {
    where: 'inside',
    about: 'a share of streams ends early',
    params: {
      share: share(1),
      afterTokens: number(5, 100_000, 'tokens that still arrive'),
      as: word(
        ['reset', 'error-event', 'abort', 'bare-end'],
        'socket reset; error event and [DONE]; finish_reason abort and [DONE]; end without either',
      ),
    },
  },
  'probes-cut': {
    where: 'inside',
    about: 'probes get no answer, callers do: the way of the probes is broken, not the cluster',
    params: { vantage: freeWord('only the probes from there; empty: all probes') },
  },
  garbage: { where: 'inside', about: 'fast, complete, meaningless answers', params: { share: share(1) } },
  'wrong-model': {
    where: 'inside',
    about: 'another model is served',
    params: { model: freeWord('its id; empty: the right id with `-other`') },
  },
  'stale-metrics': { where: 'inside', about: 'the metrics page stands still', params: {} },
  'metrics-gone': { where: 'inside', about: 'the metrics page is gone (404)', params: {} },
  'gpu-lost': { where: 'inside', about: '/gpu-status says unhealthy', params: {} },
  'memory-high': {
    where: 'inside',
    about: '/gpu-memory says nearly full',
    params: { usedRatio: { type: 'number', default: 0.98, min: 0, max: 1, about: 'used share' } },
  },
  overload: {
    where: 'inside',
    about: 'the batch is full of others, the queue grows, requests are preempted; the engine still works',
    params: {
      slots: number(4, 4_096, 'places in the batch that are left'),
      queuePerSecond: number(5, 1_000, 'growth of the queue'),
    },
  },
  quota: {
    where: 'inside',
    about: 'requests are answered 429',
    params: { share: share(1), retryAfterS: number(1, 3_600, 'Retry-After, seconds') },
  },
} as const satisfies Record<string, FaultDefinition>;

export type FaultKind = keyof typeof FAULTS;

type ValueOf<S> = S extends { type: 'number' } ? number : S extends { type: 'yes-no' } ? boolean : string;
export type FaultParams<K extends FaultKind> = {
  readonly [P in keyof (typeof FAULTS)[K]['params']]: ValueOf<(typeof FAULTS)[K]['params'][P]>;
};

type FaultOf<K extends FaultKind> = K extends FaultKind ? { readonly kind: K; readonly params: FaultParams<K> } : never;
/** One fault as ordered, every parameter filled in. */
export type Fault = FaultOf<FaultKind>;

/** A fault that is on. Times in ms since the epoch; `endsAtMs` null: until somebody clears it or the host ends. */
export type ActiveFault = Fault & { readonly startedAtMs: number; readonly endsAtMs: number | null };

export const FAULT_KINDS = Object.keys(FAULTS) as readonly FaultKind[];

const ALIASES: Readonly<Record<string, FaultKind>> = { blackhole: 'freeze' };

/** The longest lease, ms: one day. */
export const FAULT_DURATION_MS_MAX = 86_400_000;

/** The kind that a word names, aliases included; `null` for a word that names none. */
export function faultKind(name: string): FaultKind | null {
  const kind = Object.hasOwn(ALIASES, name) ? ALIASES[name] : name;
  return FAULT_KINDS.find((known) => known === kind) ?? null;
}

/** The parameters of the fault of that kind, or `null` when it is not on. */
export function paramsOf<K extends FaultKind>(faults: readonly Fault[], kind: K): FaultParams<K> | null {
  const found = faults.find((fault) => fault.kind === kind);
  return found === undefined ? null : (found.params as FaultParams<K>);
}
