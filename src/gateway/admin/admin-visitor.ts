/** Who asks the admin API, by what they can show: a certificate, or the bearer token. The audit names them. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';

/** Of a certificate's name; longer ones are no names. */
const NAME_MAX = 64;

/** Digests have one length, so that neither the token's length nor its beginning shows in the time taken. */
export function hasToken(token: string | null, authorization: string | undefined): boolean {
  if (token === null) return true;
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(`Bearer ${token}`), digest(authorization ?? ''));
}

/** `certificate <name>`, `admin-token`, or `anybody` where nothing had to be shown. */
export function nameOfVisitor(req: IncomingMessage, token: string | null): string {
  const { socket } = req;
  if (socket instanceof TLSSocket && socket.authorized) {
    const name = socket.getPeerCertificate().subject.CN;
    return `certificate ${String(name).slice(0, NAME_MAX)}`;
  }
  return token === null ? 'anybody' : 'admin-token';
}
