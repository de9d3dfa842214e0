/** Simulated clusters listen on loopback, where any web page can send requests: those are refused. */
import type { IncomingMessage } from 'node:http';
import { foreignToLoopback } from '../domain/web-visitor.js';

export function isForeign({ method = '', headers }: IncomingMessage): boolean {
  const { host, origin } = headers;
  const [site, mode, dest] = ['site', 'mode', 'dest'].map((what) => {
    const said = headers[`sec-fetch-${what}`];
    return Array.isArray(said) ? said.join(', ') : said;
  });
  return foreignToLoopback({ method, host, origin, site, mode, dest }) !== null;
}
