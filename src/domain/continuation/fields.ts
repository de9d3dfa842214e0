/** A JSON object whose fields are looked at one by one: a request's body, a frame of a stream, a part of either. */
export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
