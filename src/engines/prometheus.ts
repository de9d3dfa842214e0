/**
 * The Prometheus text format, read tolerantly and only as far as asked: pages are some 50 KB, come every interval from
 * every cluster, and a few names of them matter.
 */

/** Longest page that is read, in characters; a bigger one is cut at the last whole line. */
export const PAGE_MAX = 2 * 1024 * 1024;

/** The samples of `names`, all label sets of a name in page order. Lines that cannot be understood are skipped, NaN too. */
export function readSamples(page: string, names: ReadonlySet<string>): ReadonlyMap<string, readonly number[]> {
  const samples = new Map<string, number[]>();
  const end = page.length > PAGE_MAX ? page.lastIndexOf('\n', PAGE_MAX) : page.length;
  for (let from = 0; from < end;) {
    const newline = page.indexOf('\n', from);
    const to = newline < 0 || newline > end ? end : newline;
    const name = nameAt(page, from, to);
    if (names.has(name)) {
      const value = valueOf(page.slice(from + name.length, to));
      if (value !== null) samples.set(name, [...(samples.get(name) ?? []), value]);
    }
    from = to + 1;
  }
  return samples;
}

/** The metric's name ends at its labels or at a blank; a comment begins with `#` and has none. */
function nameAt(page: string, from: number, to: number): string {
  let at = from;
  while (at < to) {
    const code = page.charCodeAt(at);
    if (code === 0x7b || code === 0x20 || code === 0x09 || code === 0x23) break; // { blank tab #
    at += 1;
  }
  return page.slice(from, at);
}

/** `{labels} value [timestamp]`; label values may hold braces and escaped quotes. */
function valueOf(rest: string): number | null {
  const match = /^\s*(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?\s+(\S+)/.exec(rest);
  if (match === null) return null;
  const value = Number(match[1]);
  return Number.isFinite(value) ? value : null;
}
