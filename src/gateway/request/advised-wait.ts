/**
 * How long a cluster may tell callers to stay away. A wrong number there (an overflow, a date in another century) would
 * keep clients out for as long as they believe it, however well the cluster is: longer waits are cut to an hour, after
 * which the cluster can say so again, and what is no wait is not passed on.
 */
const WAIT_S_MAX = 3_600;

const NUMBER = /^\d{1,30}(?:\.\d{1,30})?$/;
/** RFC 9110 knows three forms; all begin with the name of a day. */
const DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[A-Za-z]{0,6},? [\w :-]{8,40}$/;
/** `6m0s`, `59.5s`, `120ms`, as OpenAI says what is left of a minute. */
const SPAN = /^(?:\d{1,9}(?:\.\d{1,9})?(?:ms|s|m|h|d)){1,5}$/;
const SPAN_PART = /(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d)/g;
const UNIT_S: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3_600, d: 86_400 };
/** More requests or tokens than this nobody counts; a moment in seconds or milliseconds since 1970 is less. */
const COUNT = /^\d{1,15}(?:\.\d{1,9})?$/;

/** Whether a header of this name, in small letters, tells a caller how long to wait or how much is left. */
export const isAdvice = (name: string): boolean =>
  name === 'retry-after' || name === 'retry-after-ms' || name.startsWith('x-ratelimit-');

/** What the caller is told of it; `null`: nothing. `nowMs`: wall clock. */
export function advised(name: string, value: string, nowMs: number): string | null {
  if (name === 'retry-after') return NUMBER.test(value) ? atMost(value, WAIT_S_MAX) : untilDate(value, nowMs);
  if (name === 'retry-after-ms') return NUMBER.test(value) ? atMost(value, WAIT_S_MAX * 1_000) : null;
  if (SPAN.test(value)) return spanS(value) <= WAIT_S_MAX ? value : `${WAIT_S_MAX}s`;
  return COUNT.test(value) ? value : null;
}

const atMost = (value: string, max: number): string => (Number(value) <= max ? value : String(max));

function untilDate(value: string, nowMs: number): string | null {
  const ms = DATE.test(value) ? Date.parse(value) - nowMs : NaN;
  return Number.isNaN(ms) ? null : String(Math.min(WAIT_S_MAX, Math.max(0, Math.ceil(ms / 1_000))));
}

const spanS = (value: string): number =>
  [...value.matchAll(SPAN_PART)].reduce((sum, [, count, unit = 's']) => sum + Number(count) * (UNIT_S[unit] ?? 1), 0);
