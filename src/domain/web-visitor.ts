/**
 * Whether a web page may have sent a request, that is not a page of our own. Browsers let any page send requests to this
 * machine, and a page whose name resolves to it afterwards (DNS rebinding) may also read the answers. Two things cannot
 * be forged from inside a page: `Host` is the name that the browser believes to speak to, `Origin` and `Sec-Fetch-*` say
 * where the page came from. What is no browser sends none of the latter.
 */
import { isLoopbackHost } from './loopback.js';

export interface WebRequest {
  readonly method: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** `sec-fetch-site`, `sec-fetch-mode` and `sec-fetch-dest`. */
  readonly site: string | undefined;
  readonly mode: string | undefined;
  readonly dest: string | undefined;
}

/** Why it is refused; `null` when it may pass. */
export type ForeignReason = 'host' | 'origin' | 'site' | null;

/** For ports of this machine alone: every name but its own is refused, whatever port an SSH forwarding put behind it. */
export const foreignToLoopback = (request: WebRequest): ForeignReason => foreignTo(isLoopbackHost, request);

/** `isOurs`: whether a name, without its port, is one of this server's. */
export function foreignTo(isOurs: (name: string) => boolean, request: WebRequest): ForeignReason {
  const host = (request.host ?? '').toLowerCase();
  if (!isOurs(host.replace(/:\d{1,5}$/u, ''))) return 'host';
  if (request.origin !== undefined && !isOriginOf(request.origin, host)) return 'origin';
  return isOwnSite(request) ? null : 'site';
}

const isOriginOf = (origin: string, host: string): boolean =>
  [`http://${host}`, `https://${host}`].includes(origin.toLowerCase());

/** A link on another page may open one of ours in a tab, which shows it to the user and to nobody else. */
function isOwnSite({ method, site, mode, dest }: WebRequest): boolean {
  if (site === undefined || site === 'same-origin' || site === 'none') return true;
  return (method === 'GET' || method === 'HEAD') && mode === 'navigate' && dest === 'document';
}
