/**
 * The head of a cluster's answer as its caller gets it: built here and nowhere else, from what is known of the body. What
 * describes the body's bytes (its length, its digest) goes on only where these pass byte for byte: a length that is wrong
 * by one would make the next answer on the caller's connection a forged one.
 *
 * What names the cluster's place in the network stays behind: its server, the proxies before it, any address. `Location`
 * is turned into a path of ours, or dropped. CORS and cookies are not a cluster's to decide.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Member } from '../service/member.js';
import { advised, isAdvice } from './advised-wait.js';
import { namesAddress } from './address.js';
import { endsWithConnection, namedByConnection } from './headers.js';

export interface HeadOrder {
  readonly headers: IncomingHttpHeaders;
  readonly member: Pick<Member, 'name' | 'upstream' | 'authorization'>;
  /** The body goes out as it came, to the last byte. */
  readonly isVerbatim: boolean;
}

export type Head = Record<string, string | string[]>;

/** Of the bytes of one body. */
const OF_THE_BYTES: ReadonlySet<string> = new Set([
  'content-length',
  'content-md5',
  'content-digest',
  'repr-digest',
  'digest',
  'etag',
  'accept-ranges',
  'content-range',
]);

/** Most answers have no others, and none of these can hold an address. */
const HARMLESS: ReadonlySet<string> = new Set([
  ...OF_THE_BYTES,
  'content-type',
  'content-encoding',
  'content-disposition',
  'cache-control',
  'date',
  'expires',
  'last-modified',
  'vary',
]);

const NOT_THE_CALLERS =
  /^(?:server|via|forwarded|set-cookie2?|host|cookie|authorization|www-authenticate|content-location|refresh|link|alt-svc|service-worker-allowed|clear-site-data|report-to|nel|reporting-endpoints|strict-transport-security|content-security-policy.*|access-control-.*|x-understudy-.*|x-forwarded.*|x-real-ip|x-powered-by|x-(?:served-by|server|backend|upstream|origin|proxy|envoy|host|hostname|pod|node|instance|cluster)(?:-.*)?)$/;

/** With the cluster's name: whoever debugs must see who answered. */
export function answerHead({ headers: from, member, isVerbatim }: HeadOrder): Head {
  const named = namedByConnection(from.connection);
  const head: Head = {};
  for (const name in from) {
    const value = from[name];
    if (value === undefined || endsWithConnection(name) || named?.has(name) === true) continue;
    if (!isVerbatim && OF_THE_BYTES.has(name)) continue;
    if (HARMLESS.has(name)) head[name] = value;
    else if (isAdvice(name)) advise(head, name, String(value));
    else if (isTheCallers(name, String(value), member)) head[name] = value;
  }
  const location = ownPath(from.location, member);
  if (location !== null) head['location'] = location;
  head['x-understudy-cluster'] = member.name;
  return head;
}

function advise(head: Head, name: string, said: string): void {
  const value = advised(name, said, Date.now());
  if (value !== null) head[name] = value;
}

function isTheCallers(name: string, value: string, { upstream, authorization }: HeadOrder['member']): boolean {
  if (name === 'location' || NOT_THE_CALLERS.test(name) || namesAddress(value)) return false;
  const lower = value.toLowerCase();
  if (lower.includes(upstream.url.hostname)) return false;
  return authorization === null || !lower.includes(keyOf(authorization).toLowerCase());
}

/** `Bearer <key>` without its scheme. */
const keyOf = (authorization: string): string => authorization.slice(authorization.lastIndexOf(' ') + 1);

const API = /^\/v1(?:[/?]|$)/;

/** Where a redirect leads, as a path of this gateway; `null`: elsewhere, which is no caller's concern. */
function ownPath(location: string | undefined, { upstream }: HeadOrder['member']): string | null {
  if (location === undefined || !URL.canParse(location, upstream.url.href)) return null;
  const url = new URL(location, upstream.url);
  if (url.host !== upstream.url.host || !url.pathname.startsWith(upstream.prefix)) return null;
  const path = url.pathname.slice(upstream.prefix.length) + url.search;
  return API.test(path) ? path : null;
}
