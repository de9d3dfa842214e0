/** The difference between two plain values, field by field, as `apply` shows it. */

export interface FieldChange {
  /** e.g. `spec.health.intervalMs` or `spec.members[us-b].role` */
  readonly field: string;
  /** As JSON; `null` when the field was not there. */
  readonly from: string | null;
  readonly to: string | null;
}

/** Changed fields, in order of their names; empty when both are the same. */
export function difference(before: unknown, after: unknown): readonly FieldChange[] {
  const [old, next] = [flatten(before), flatten(after)];
  const fields = [...new Set([...old.keys(), ...next.keys()])].sort();
  return fields.flatMap((field) => {
    const [from, to] = [old.get(field) ?? null, next.get(field) ?? null];
    return from === to ? [] : [{ field, from, to }];
  });
}

function flatten(value: unknown, at = '', into = new Map<string, string>()): Map<string, string> {
  if (value === undefined) return into;
  if (isTable(value)) {
    for (const [key, inner] of Object.entries(value)) flatten(inner, at === '' ? key : `${at}.${key}`, into);
    return into;
  }
  if (Array.isArray(value) && value.length > 0 && value.every(isTable)) {
    value.forEach((inner, i) => flatten({ ...inner, position: i }, `${at}[${labelOf(inner, i)}]`, into));
    return into;
  }
  return into.set(at, JSON.stringify(value));
}

type Table = Readonly<Record<string, unknown>>;
const isTable = (value: unknown): value is Table =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Members and clusters are told by name: an index would show every later one as changed. */
function labelOf(entry: Table, index: number): string {
  const label = entry['name'] ?? entry['cluster'];
  return typeof label === 'string' ? label : String(index);
}
