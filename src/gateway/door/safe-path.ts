/**
 * Whether a path would leave the place where it is put. It goes to a cluster as it came, and what serves there may read
 * dots, slashes and backslashes in more ways than one: encoded, encoded twice, or followed by parameters.
 */
const ENCODED: Readonly<Record<string, string>> = { '2e': '.', '2f': '/', '5c': '\\' };

/** `path` may have a query, which is not looked at. */
export function climbs(path: string): boolean {
  const [bare = ''] = path.split('?', 1);
  const decoded = bare.replace(/%(?:25)*(2e|2f|5c)/gi, (whole, code: string) => ENCODED[code.toLowerCase()] ?? whole);
  return decoded.split(/[/\\]/).some((segment) => /^\.\.?(?:;|$)/.test(segment));
}
