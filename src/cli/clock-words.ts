/** Times as people read them. */

/** `14:03:07.250` UTC of an ISO time; `-` for none. Tenths matter when seconds are what is told. */
export function clockTime(iso: string | null): string {
  return iso === null || Number.isNaN(Date.parse(iso)) ? '-' : new Date(iso).toISOString().slice(11, 23);
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
