/**
 * One spelling for each path of the API. A path goes on to a cluster, and what serves there may read a slash, a dot, a
 * percent code or a fragment in more ways than one: whoever asks for `/v1/chat/completions#x` or `/v1/%63hat/completions`
 * would get completions past everything that is looked at by path. So what means the same is written the same (RFC 3986,
 * 6.2.2), and what could be read in two ways is refused.
 */

const ENCODED = /%(?:25)*([0-9a-f]{2})/gi;
/** Nobody decodes more often. */
const ROUNDS_MAX = 8;

export function decodedToTheEnd(path: string): string {
  let decoded = path;
  for (let round = 0; round < ROUNDS_MAX && decoded.includes('%'); round++) {
    decoded = decoded.replace(ENCODED, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
  }
  return decoded;
}

/** Whether it would leave the place where it is put: dots may be encoded, more than once, or followed by parameters. */
function climbs(bare: string): boolean {
  return decodedToTheEnd(bare)
    .split(/[/\\]/)
    .some((segment) => /^\.\.?(?:;|$)/.test(segment));
}

/** What nearly everybody asks for: the service, if it is named, and the path. */
export const PLAIN_PATH = /^(?:\/([\w-]+))?(\/v1\/[a-z_]+(?:\/[a-z_]+)?)$/;
/** Letters, digits, `-`, `.`, `_` and `~` mean the same, encoded or not. */
const UNRESERVED = /%(?:2[de]|3\d|4[1-9a-f]|5[\daf]|6[1-9a-f]|7[\dae])/gi;
const TWO_WAYS = /[#\\]|\/\//;

/** With its query, as it is looked at and sent on; `null`: it could be read in two ways. */
export function onePath(url: string): string | null {
  const at = url.indexOf('?');
  const bare = at < 0 ? url : url.slice(0, at);
  const query = at < 0 ? '' : url.slice(at);
  if (TWO_WAYS.test(bare) || query.includes('#') || climbs(bare)) return null;
  const decoded = bare.replace(UNRESERVED, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)));
  return decoded.replace(/\/$/, '') + query;
}

/** Whose second part says what is asked, too. */
const OF_TWO_PARTS: ReadonlySet<string> = new Set(['chat', 'audio', 'images']);
const WORD = /^[a-z\d._-]+$/;

/** Of `/v1/<family>/…`: whether what is asked is said in plain words, in small letters. Names and ids may be anything. */
export function asksPlainly(path: string): boolean {
  const [bare = ''] = path.split('?', 1);
  const [, , family, kind] = bare.split('/');
  if (family === undefined) return true;
  return WORD.test(family) && (kind === undefined || !OF_TWO_PARTS.has(family) || WORD.test(kind));
}
