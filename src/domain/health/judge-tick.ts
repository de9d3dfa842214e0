/** What one tick says of each dimension, taken alone; what it means together is decided in `diagnose.ts`. */
import type { ClusterSpec } from '../fleet.js';
import type { GenerationSeen, HttpSeen, MetricsSeen, PassiveSeen, TickSeen } from './types.js';
import { failed, OK, UNKNOWN, type DimensionHealth, type Outcome } from './hysteresis.js';

/** The words under which transports report that nobody listens. */
const REFUSED = new Set(['refused', 'ECONNREFUSED']);
/** The words of a generation that began, or was accepted, and then stood still. */
const HUNG = new Set(['timeout', 'no second token', 'no first token']);
/** From this share of failed requests on a tick of real traffic counts as bad; below it one unlucky request would. */
const PASSIVE_FAILED_SHARE = 0.1;

/** Fast, complete, and nonsense. */
export const WRONG_ANSWER = 'the golden answer is wrong';

export const isRefused = (error: string | undefined): boolean => error !== undefined && REFUSED.has(error);
export const isHang = (error: string | undefined): boolean => error !== undefined && HUNG.has(error);

/** An engine that is up and says that its model is not loaded yet. @replayed */
export function isLoading(http: HttpSeen | null | undefined): boolean {
  if (http?.says !== undefined) return http.says === 'loading';
  return http?.status === 503 && /loading|starting|warming/i.test(http.body ?? '');
}

/**
 * A status in the 400s is about the question, not about the cluster, so it is `unknown`. On the extra try with a fresh
 * connection only a refusal counts as a failure: a timeout there would shorten the horizon that outlasts blips. @replayed
 */
export function judgeHttp(http: HttpSeen | null | undefined): Outcome {
  if (http === undefined || http === null) return UNKNOWN;
  const outcome = http.status === undefined ? judgeSilence(http.error) : judgeStatus(http, http.status);
  const counts = http.fresh !== true || outcome.kind === 'ok' || isRefused(http.error);
  return counts ? outcome : UNKNOWN;
}

function judgeSilence(error = 'no answer'): Outcome {
  return failed(isRefused(error) ? 'connection refused' : `no answer: ${error}`);
}

/** The same of an outcome's words. @replayed */
export const wasSilence = (seen: string): boolean => !seen.startsWith('HTTP ');

function judgeStatus({ body = '', says }: HttpSeen, status: number): Outcome {
  if (status === 200) return OK;
  if (says === undefined && status >= 400 && status < 500) return UNKNOWN;
  return failed(`HTTP ${status}${body === '' ? '' : ` (${body.slice(0, 60)})`}`);
}

/** @replayed */
export function judgeGpu(tick: TickSeen): Outcome {
  if (tick.gpu === undefined || tick.gpu === null) return UNKNOWN;
  if (tick.gpu.healthy) return OK;
  return failed(tick.gpu.xid === undefined ? 'GPU unhealthy' : `GPU unhealthy, XID ${tick.gpu.xid}`);
}

/** Only where a limit is set: an engine that fills its memory on purpose has none. @replayed */
export function judgeMemory(tick: TickSeen, cluster: ClusterSpec): Outcome {
  const limit = cluster.probes.memory?.usedMax;
  if (limit === undefined || tick.memory === undefined || tick.memory === null) return UNKNOWN;
  if (tick.memory.used < limit) return OK;
  return failed(`${percent(tick.memory.used)} of the memory used`, `below ${percent(limit)}`);
}

/** @replayed */
export function judgeIdentity(tick: TickSeen, cluster: ClusterSpec): Outcome {
  if (tick.identity === undefined || tick.identity === null) return UNKNOWN;
  if (tick.identity === cluster.model) return OK;
  return failed(`serves ${tick.identity.slice(0, 80)}`, `must serve ${cluster.model}`);
}

/** Of a slow first token, or of a second one that was long in coming. */
const SLOW_TOKEN = 'a token took';

/** What is known besides the tick: a completion ends between two of them. */
export interface TokenContext {
  /** The engine's last page; `null` when it is missing or old. */
  readonly page: MetricsSeen | null;
  /** The last outcome of latency was a slow token. */
  readonly wasSlow: boolean;
}

/** @replayed */
export const wasTokenSlow = ({ failures, seen }: DimensionHealth): boolean =>
  failures > 0 && seen.startsWith(SLOW_TOKEN);

/**
 * Slowest answer of any check. A slow token counts only when no queue explains it: with requests waiting it is load, and
 * where metrics should be but are missing it is not known. Only another token takes it back: a check that is in time says
 * nothing of tokens. @replayed
 */
export function judgeLatency(tick: TickSeen, cluster: ClusterSpec, { page, wasSlow }: TokenContext): Outcome {
  const limit = cluster.probes.latency?.maxMs;
  if (limit === undefined) return UNKNOWN;
  const answered = timeOfCheck(tick.http);
  if (answered !== null && answered > limit) return failed(`a check took ${Math.round(answered)} ms`, `${limit} ms`);
  const ofCheck = answered === null ? UNKNOWN : OK;
  const token = slowestToken(tick.generation);
  if (token === null) return wasSlow ? UNKNOWN : ofCheck;
  if (token <= limit) return OK;
  if (cluster.probes.metrics !== null && page?.waiting !== 0) return ofCheck;
  return failed(`${SLOW_TOKEN} ${Math.round(token)} ms, with no queue`, `${limit} ms`);
}

function timeOfCheck(http: HttpSeen | null | undefined): number | null {
  return http?.status === undefined || http.fresh === true ? null : http.ms;
}

function slowestToken(generation: GenerationSeen | null | undefined): number | null {
  if (generation === undefined || generation === null || !generation.ok) return null;
  return Math.max(generation.ttft ?? 0, generation.gap ?? 0);
}

/** What a failed completion may be the mere shadow of. */
export interface Excuse {
  /** A long queue that moves explains why an answer came too late. */
  readonly crowded: boolean;
  /** Nothing at all answers at this moment: that is `http`'s to tell, and to confirm. */
  readonly silent: boolean;
}

/** Whether the cluster gave no answer at all; a status of any kind is one. @replayed */
export const isSilence = (http: HttpSeen): boolean => http.status === undefined;

/** @replayed */
export function judgeGeneration(generation: GenerationSeen | null | undefined, excuse: Excuse): Outcome {
  if (generation === undefined || generation === null) return UNKNOWN;
  if (generation.ok)
    return generation.content === false ? failed(WRONG_ANSWER, 'what the golden prompt must give') : OK;
  const error = generation.error ?? 'failed';
  if (/^4\d\d$/.test(error)) return UNKNOWN;
  return isExcused(error, excuse) ? UNKNOWN : failed(`completion: ${error}`);
}

/** Nobody listens, or nothing answers: counted here too it would look like another, milder trouble. */
function isExcused(error: string, { crowded, silent }: Excuse): boolean {
  if (isRefused(error) || (silent && !hasBegun(error))) return true;
  return crowded && (isHang(error) || error === '503');
}

/** A status, or a stream that came to a stop: somebody had answered. */
const hasBegun = (error: string): boolean => /^\d{3}$/.test(error) || /^no (first|second) token$/.test(error);

/** Real requests, without those that failed by the caller's own doing or by quota. @replayed */
export function judgePassive(passive: PassiveSeen | null | undefined): Outcome {
  if (passive === undefined || passive === null) return UNKNOWN;
  const { counted, bad } = countCallers(passive);
  if (counted <= 0) return UNKNOWN;
  if (bad === 0 || bad < PASSIVE_FAILED_SHARE * counted) return OK;
  const what = passive.cut > passive.cluster ? 'streams cut' : 'requests failed';
  return failed(`${bad} of ${counted} real ${what}`, `${percent(PASSIVE_FAILED_SHARE)} of real requests`);
}

/** @replayed */
export function countCallers(passive: PassiveSeen): { readonly counted: number; readonly bad: number } {
  const bad = passive.cluster + passive.cut;
  return { counted: Math.max(passive.requests - passive.client - passive.quota, bad), bad };
}

const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`;
