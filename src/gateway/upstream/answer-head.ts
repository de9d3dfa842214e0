/** The head of an HTTP/1.1 answer (RFC 9112): what it says, and how its body and its connection end. Pure. */
import type { IncomingHttpHeaders } from 'node:http';

/** The cluster's answer is not HTTP, or not as strictly as it must be. */
export class BadAnswer extends Error {
  readonly code = 'BAD_ANSWER';
}

/** `counted`: by its length. `to-the-end`: of the connection. */
export type Framing =
  { readonly kind: 'none' | 'chunked' | 'to-the-end' } | { readonly kind: 'counted'; readonly bytes: number };

export interface AnswerHead {
  /** From 100. */
  readonly status: number;
  /** Names in small letters. */
  readonly headers: IncomingHttpHeaders;
  readonly framing: Framing;
  /** The connection may carry another request when this answer is over. */
  readonly reusable: boolean;
  /** How long the cluster says it keeps an idle connection, ms; `null`: it does not say. */
  readonly keptForMs: number | null;
}

/** Neither text nor the end of a line. */
const NOT_IN_HEAD = /[^\t\r\n\x20-\x7e\x80-\xff]|\r(?!\n)|(?<!\r)\n/;
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: |$)/;
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const LENGTH = /^\d{1,15}$/;
/** Not all that JavaScript calls a space: byte A0 is the end of some letters, and no other reader skips it. */
const isBlank = (code: number): boolean => code === 32 || code === 9;
const CLOSE = /(?:^|,)[ \t]*close[ \t]*(?:,|$)/i;
const KEPT_FOR = /(?:^|[,\s])timeout=(\d{1,6})/i;

/** `text`: up to the empty line, one byte a character. `method`: of the request. @throws BadAnswer */
export function readHead(text: string, method: string): AnswerHead {
  if (NOT_IN_HEAD.test(text)) throw new BadAnswer('its headers hold what no header may');
  const [first = '', ...fields] = text.split('\r\n');
  const [, minor, code] = STATUS_LINE.exec(first) ?? [];
  if (code === undefined) throw new BadAnswer('it does not begin as HTTP/1.1 does');
  const status = Number(code);
  const headers = headersOf(fields);
  const isOld = minor === '0';
  // Where no body follows too: the length goes on to a caller, who must not be misled either.
  const said = framingOf(headers, isOld);
  const framing = isBodiless(method, status) ? NONE : said;
  if (status === 204) delete headers['content-length']; // who sends it breaks the rules, and some reader may wait for it
  return {
    status,
    headers,
    framing,
    reusable: framing.kind !== 'to-the-end' && !isOld && !CLOSE.test(headers.connection ?? ''),
    keptForMs: keptForMs(headers['keep-alive']),
  };
}

/** What is said twice is one list, but for cookies, whose values may hold commas. */
function headersOf(fields: readonly string[]): IncomingHttpHeaders {
  const headers: NodeJS.Dict<string | string[]> = Object.create(null) as NodeJS.Dict<string>;
  for (const field of fields) {
    const colon = field.indexOf(':');
    const name = field.slice(0, Math.max(0, colon)).toLowerCase();
    if (!FIELD_NAME.test(name)) throw new BadAnswer('one of its headers has no name');
    const value = valueOf(field, colon + 1);
    const before = headers[name];
    if (before === undefined) headers[name] = name === 'set-cookie' ? [value] : value;
    else if (Array.isArray(before)) before.push(value);
    else headers[name] = `${before}, ${value}`;
  }
  return headers;
}

/** By hand: an expression for the blanks at an end begins anew at each blank of a row in the middle. */
function valueOf(field: string, at: number): string {
  let [from, to] = [at, field.length];
  while (from < to && isBlank(field.charCodeAt(from))) from++;
  while (to > from && isBlank(field.charCodeAt(to - 1))) to--;
  return field.slice(from, to);
}

const NONE = { kind: 'none' } as const;

const isBodiless = (method: string, status: number): boolean =>
  method === 'HEAD' || status < 200 || status === 204 || status === 304;

/** Section 6.3. Who says two lengths, or one in a way that others may read differently, is not believed any. */
function framingOf(headers: IncomingHttpHeaders, isOld: boolean): Framing {
  const { 'transfer-encoding': coding, 'content-length': length } = headers;
  if (coding !== undefined) {
    if (coding.toLowerCase() === 'chunked' && length === undefined && !isOld) return { kind: 'chunked' };
    throw new BadAnswer('it says in no clear way how long it is');
  }
  if (length === undefined) return { kind: 'to-the-end' };
  if (!LENGTH.test(length)) throw new BadAnswer('its length is no number');
  return { kind: 'counted', bytes: Number(length) };
}

function keptForMs(keepAlive: string | string[] | undefined): number | null {
  const seconds = KEPT_FOR.exec(String(keepAlive ?? ''))?.[1];
  return seconds === undefined ? null : Number(seconds) * 1_000;
}
