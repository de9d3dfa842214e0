/**
 * Headers that belong to one connection only, and those that the gateway sets itself, stay behind; what others say of an
 * answer decides how it is passed on.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isJsonType, mediaTypeOf } from '../../domain/media-type.js';

const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** How much a request matters when not all can be served. */
export const PRIORITY_HEADER = 'x-understudy-priority';

/** `accept-encoding`: what is compressed cannot be read along. `expect` was answered by us. */
const NOT_FORWARDED: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'host',
  'content-length',
  'expect',
  'accept-encoding',
  'origin',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  // What a proxy before a cluster says of its callers: nobody but a proxy may say it.
  'forwarded',
  'x-real-ip',
  'x-original-url',
  'x-original-host',
  'x-rewrite-url',
]);

const OF_A_CONNECTION: ReadonlySet<string> = new Set(HOP_BY_HOP);

export const endsWithConnection = (name: string): boolean => OF_A_CONNECTION.has(name);

/** Names that a `Connection` header declares as hop-by-hop for this message. */
export function namedByConnection(connection: string | string[] | undefined): ReadonlySet<string> | null {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return null;
  return new Set(
    String(connection)
      .toLowerCase()
      .split(',')
      .map((name) => name.trim()),
  );
}

/** The caller's headers for a cluster, as a flat list of names and values; without a key that was meant for us. */
export function requestHeaders(raw: readonly string[], connection: string | undefined, keyIsOurs: boolean): string[] {
  const named = namedByConnection(connection);
  const headers: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase();
    if (
      NOT_FORWARDED.has(name) ||
      name.startsWith('x-understudy-') ||
      name.startsWith('x-forwarded-') ||
      name.includes('_') ||
      named?.has(name) === true ||
      (keyIsOurs && name === 'authorization')
    )
      continue;
    headers.push(name, raw[i + 1] ?? '');
  }
  return headers;
}

/** A request's headers for one cluster: where it has a key of its own, that takes the caller's place. */
export function headersFor(headers: readonly string[], authorization: string | null): readonly string[] {
  return authorization === null ? headers : withHeader(headers, 'authorization', authorization);
}

/** The same headers, with this one in the place of all of its name (in small letters). */
export function withHeader(headers: readonly string[], name: string, value: string): string[] {
  const others = headers.filter((_, i) => headers[i - (i % 2)] !== name);
  return [...others, name, value];
}

export type AnswerKind = 'stream' | 'whole' | 'passing';

/** Errors, JSON and text are kept until they are whole; anything else (audio, say) passes as it comes. */
export function kindOfAnswer(status: number, headers: IncomingHttpHeaders): AnswerKind {
  const said = headers['content-type'];
  const type = mediaTypeOf(said);
  if (status < 400 && type === 'text/event-stream') return 'stream';
  const isText = said === undefined || (type !== null && (isJsonType(type) || type.startsWith('text/')));
  return status >= 400 || isText ? 'whole' : 'passing';
}
