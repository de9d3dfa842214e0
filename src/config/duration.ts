/** Durations as people write them: a number and a unit, `500ms`, `2s`, `10m`, `1h`. */

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;
const UNITS_DOWNWARDS = ['h', 'm', 's'] as const;
/** Also the `pattern` of the JSON schema, so that an editor and we agree. */
export const DURATION_PATTERN = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/;

/** Milliseconds, rounded to a whole one; `null` when `text` is not a duration. */
export function parseDuration(text: string): number | null {
  const [, amount, unit] = DURATION_PATTERN.exec(text) ?? [];
  if (amount === undefined || unit === undefined) return null;
  return Math.round(Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS]);
}

/** The shortest exact way to write `ms`: 90_000 is `90s`, 1_500 is `1500ms`. */
export function formatDuration(ms: number): string {
  const unit = ms === 0 ? 's' : UNITS_DOWNWARDS.find((u) => ms % UNIT_MS[u] === 0);
  return unit === undefined ? `${ms}ms` : `${ms / UNIT_MS[unit]}${unit}`;
}
