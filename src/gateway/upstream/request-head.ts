/** What a cluster is asked, and how the beginning of that is written (RFC 9112). */

export interface UpstreamRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** Names in small letters and values in turn; none of those that belong to one connection. */
  readonly headers: readonly string[];
  readonly body: Buffer | null;
}

/** A caller has sent what cannot be passed on. */
export class UnfitRequest extends Error {}

/** One byte a character is written: what is beyond would be cut to another character, a line end perhaps. */
const NOT_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
const NOT_IN_PATH = /[^\x21-\x7e\x80-\xff]/;
/** With these, a length of nothing is said too. */
const HAS_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

/** The head of a request, one byte a character. @throws UnfitRequest */
export function writtenHead({ method, path, headers, body }: UpstreamRequest, host: string): string {
  if (NOT_IN_PATH.test(path)) throw new UnfitRequest('the path holds what no path may');
  let head = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n`;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const value = headers[i + 1] ?? '';
    if (NOT_IN_VALUE.test(value)) throw new UnfitRequest(`the header ${headers[i]} holds what no header may`);
    head += `${headers[i]}: ${value}\r\n`;
  }
  if (body !== null || HAS_BODY.has(method)) head += `content-length: ${body?.length ?? 0}\r\n`;
  return `${head}\r\n`;
}
