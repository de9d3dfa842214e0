/**
 * Headers that mean one thing and may come once (RFC 9110, 5.3). Said twice, the gateway would go by one of them, and a
 * proxy before it or the cluster behind it by the other.
 */
const ONCE: ReadonlyMap<string, number> = new Map(
  ['host', 'authorization', 'content-type', 'content-encoding', 'origin', 'x-understudy-service'].map((name, i) => [
    name,
    1 << i,
  ]),
);

/** The first that came twice; `null`: none. `raw`: names and values in turn. */
export function saidTwice(raw: readonly string[]): string | null {
  let seen = 0;
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase();
    const bit = ONCE.get(name) ?? 0;
    if ((seen & bit) !== 0) return name;
    seen |= bit;
  }
  return null;
}
