/**
 * Who may be a web page is refused before anything else is looked at: what a page sends without its user's help must
 * neither use the gateway nor learn that it is there. Which names are the gateway's own depends on where it listens.
 */
import type { IncomingMessage } from 'node:http';
import { isLoopbackHost } from '../../domain/loopback.js';
import { foreignTo, type ForeignReason } from '../../domain/web-visitor.js';

export type WhoIsForeign = (req: IncomingMessage) => ForeignReason;

export interface Names {
  /** Where it listens. */
  readonly host: string;
  /** Names that the configuration gives it; absent: none. */
  readonly hosts?: readonly string[] | undefined;
}

/** `any`: no name is refused, so a page whose own name was made to lead here is not told from a caller. */
export type NamesAccepted = 'this machine' | 'named' | 'any';

export function namesAccepted({ host, hosts }: Names): NamesAccepted {
  if (hosts !== undefined) return 'named';
  return isLoopbackHost(host) ? 'this machine' : 'any';
}

export function whoIsForeign(names: Names): WhoIsForeign {
  const accepted = namesAccepted(names);
  const own: ReadonlySet<string> = new Set(names.hosts?.map((name) => name.toLowerCase()));
  const isOurs = (name: string): boolean => accepted === 'any' || isLoopbackHost(name) || own.has(name);
  let lastHost: string | null = null;
  return ({ method = '', headers }) => {
    const { host, origin, 'sec-fetch-site': site } = headers;
    // What nearly every request is: no page, and the same name as before.
    if (host === lastHost && origin === undefined && site === undefined) return null;
    const { 'sec-fetch-mode': mode, 'sec-fetch-dest': dest } = headers;
    const [each, by, to] = [site, mode, dest].map((said) => (Array.isArray(said) ? said.join(', ') : said));
    const foreign = foreignTo(isOurs, { method, host, origin, site: each, mode: by, dest: to });
    if (foreign === null && host !== undefined) lastHost = host;
    return foreign;
  };
}

/** What is said to whoever is refused; a page cannot read it. */
export const FOREIGN = {
  host: {
    code: 'foreign-host',
    message:
      'this gateway is not known under the name in Host. Nothing was done. Next: use an address of it, or name it in gateway.hosts',
  },
  origin: {
    code: 'foreign-origin',
    message:
      'this was sent by a web page of another origin. Nothing was done. Next: ask from a program, not from a page',
  },
  site: {
    code: 'foreign-origin',
    message:
      'this was asked for by a web page of another site. Nothing was done. Next: ask from a program, not from a page',
  },
} as const;
