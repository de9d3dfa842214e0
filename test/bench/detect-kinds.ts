/**
 * Each kind of fault, with the bound that the default settings of a vLLM cluster imply. docs/health.md derives every one;
 * a formula here and its row there are the same.
 */
import { probeDefaults } from '../../src/domain/health/probe-defaults.js';
import { STUCK_AFTER_MS } from '../../src/domain/health/engine-load.js';
import { GOLDEN_EVERY_MS } from '../../src/domain/health/wants.js';
import type { Verdict } from '../../src/domain/words.js';

export interface Kind {
  readonly name: string;
  readonly fault: { readonly kind: string; readonly [param: string]: unknown };
  /** Whether callers bear witness. */
  readonly loaded: boolean;
  readonly is: Verdict;
  readonly boundMs: number;
}

/** Interval between two ticks. */
export const T = 2_000;
export const FALL = 3;
const VLLM = probeDefaults('vllm');
const HTTP_TIMEOUT = VLLM.http?.timeoutMs ?? Number.NaN;
const { everyMs: EVERY, timeoutMs: COMPLETION } = VLLM.generation ?? { everyMs: Number.NaN, timeoutMs: Number.NaN };
/** A cluster that answers in time gives its first token within this. */
const IN_TIME = VLLM.latency?.maxMs ?? Number.NaN;
/** The first tick that sees it, and two more. */
const CONFIRMED = T + (FALL - 1) * T;

/** One is due at a tick, the next ones begin a tick apart, and one more than `fall` must fail, for no caller has. */
const ONLY_COMPLETIONS_TELL = EVERY + (FALL + 1) * T + COMPLETION;
/** Callers of the kinds that are `loaded`, requests a second. */
export const CALLS_PER_SECOND = 4;
const ERRORS_SHARE = 0.3;
/** Until the first of them meets a fault that meets only some, half of them streams. */
const MET_WITHIN = Math.ceil(1_000 / (CALLS_PER_SECOND * ERRORS_SHARE));

export const KINDS: readonly Kind[] = [
  { name: 'crash', fault: { kind: 'crash' }, loaded: true, is: 'dead', boundMs: 2 * T },
  { name: 'crash-idle', fault: { kind: 'crash' }, loaded: false, is: 'dead', boundMs: 2 * T },
  { name: 'blackhole', fault: { kind: 'blackhole' }, loaded: false, is: 'dead', boundMs: CONFIRMED + HTTP_TIMEOUT },
  { name: 'hang', fault: { kind: 'hang' }, loaded: true, is: 'stuck', boundMs: STUCK_AFTER_MS + T },
  { name: 'hang-idle', fault: { kind: 'hang' }, loaded: false, is: 'stuck', boundMs: ONLY_COMPLETIONS_TELL },
  { name: 'engine-gone', fault: { kind: 'engine-gone' }, loaded: true, is: 'stuck', boundMs: STUCK_AFTER_MS + T },
  {
    name: 'decode-stall',
    fault: { kind: 'decode-stall' },
    loaded: true,
    is: 'stuck',
    // What callers got just before it is counted at the next tick, and puts the next completion off.
    boundMs: ONLY_COMPLETIONS_TELL + T,
  },
  {
    name: 'errors',
    fault: { kind: 'errors', share: ERRORS_SHARE },
    loaded: true,
    is: 'degraded',
    boundMs: CONFIRMED + MET_WITHIN,
  },
  {
    name: 'slow',
    fault: { kind: 'slow' },
    loaded: true,
    is: 'degraded',
    boundMs: CONFIRMED + FALL * T + HTTP_TIMEOUT,
  },
  {
    name: 'cut-streams',
    fault: { kind: 'cut-streams' },
    loaded: true,
    is: 'degraded',
    boundMs: CONFIRMED + MET_WITHIN,
  },
  {
    name: 'garbage',
    fault: { kind: 'garbage' },
    loaded: true,
    is: 'degraded',
    boundMs: GOLDEN_EVERY_MS + FALL * T + IN_TIME,
  },
  {
    name: 'garbage-idle',
    fault: { kind: 'garbage' },
    loaded: false,
    is: 'degraded',
    boundMs: EVERY + FALL * T + IN_TIME,
  },
  { name: 'gpu-lost', fault: { kind: 'gpu-lost' }, loaded: false, is: 'degraded', boundMs: CONFIRMED },
  // The model's id is asked at every fifth tick.
  {
    name: 'wrong-model',
    fault: { kind: 'wrong-model' },
    loaded: false,
    is: 'degraded',
    boundMs: 5 * T + (FALL - 1) * T,
  },
];
