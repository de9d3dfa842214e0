/** Times as people read them. */

/** `14:03:07.250` UTC of an ISO time; `-` for none. Tenths matter when seconds are what is told. */
export function clockTime(iso: string | null): string {
  return iso === null || Number.isNaN(Date.parse(iso)) ? '-' : new Date(iso).toISOString().slice(11, 23);
}

/** `14:03:07` UTC of an ISO time, for moments that nobody measures; `-` for none. */
export const clock = (iso: string | null): string => clockTime(iso).slice(0, 8);

const ISO_TIME = /\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d)(?:\.\d+)?Z/gu;

/** A sentence with its ISO times as people read them: `14:03:07`, with the date when it is another day than `nowMs`. */
export function spokenTimes(sentence: string, nowMs: number): string {
  const today = new Date(nowMs).toISOString().slice(0, 10);
  return sentence.replace(ISO_TIME, (iso, time: string) => (iso.startsWith(today) ? time : dateTime(iso)));
}

/** `2026-11-24 14:03:07` UTC. */
export function dateTime(iso: string): string {
  return Number.isNaN(Date.parse(iso)) ? iso : new Date(iso).toISOString().slice(0, 19).replace('T', ' ');
}

/** `850 ms`, `4.2 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`. */
export function span(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return pair(seconds, 60, ['min', 's']);
  return seconds < 86_400
    ? pair(Math.round(seconds / 60), 60, ['h', 'min'])
    : pair(Math.round(seconds / 3_600), 24, ['d', 'h']);
}

function pair(amount: number, size: number, [large, small]: readonly [string, string]): string {
  const rest = amount % size;
  return rest === 0
    ? `${Math.floor(amount / size)} ${large}`
    : `${Math.floor(amount / size)} ${large} ${rest} ${small}`;
}

/** From one ISO time to another; `null` when one is not known. */
export function spanBetween(from: string | null, to: string | null): string | null {
  if (from === null || to === null) return null;
  const ms = Date.parse(to) - Date.parse(from);
  return Number.isNaN(ms) ? null : span(ms);
}
