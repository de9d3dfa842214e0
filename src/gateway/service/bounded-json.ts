/** JSON of what somebody else made, if it is no longer than wanted; what is longer is not written to find that out. */

/** What opens and closes a value, a comma, a colon. */
const AROUND_BYTES = 2;

/** `null`: it is longer, or no JSON. */
export function boundedJson(value: unknown, bytesMax: number): Buffer | null {
  if (!fits(value, bytesMax)) return null;
  try {
    const bytes = Buffer.from(JSON.stringify(value));
    return bytes.length <= bytesMax ? bytes : null;
  } catch {
    return null; // too deep for who writes it, or nothing that JSON has
  }
}

/** Ends as soon as it is known, and needs no stack. */
function fits(value: unknown, bytesMax: number): boolean {
  let left = bytesMax;
  const open: unknown[] = [value];
  while (open.length > 0 && left >= 0) {
    const next = open.pop();
    left -= AROUND_BYTES;
    if (typeof next === 'string') left -= next.length;
    if (typeof next !== 'object' || next === null) continue;
    // A list's own keys are its places.
    for (const key in next) {
      left -= key.length;
      if (left < 0) return false;
      open.push((next as Readonly<Record<string, unknown>>)[key]);
    }
  }
  return left >= 0;
}
