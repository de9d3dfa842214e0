/** Who may reach the admin port at all: whoever does may turn all traffic. */
import type { ServerOptions } from 'node:https';
import type { ServerTls } from '../../domain/admin-tls.js';
import { CodedError } from '../../domain/errors.js';
import { isLoopbackHost } from '../../domain/loopback.js';

interface Door {
  readonly adminHost: string;
  readonly adminToken: string | null;
  readonly adminTls?: ServerTls | undefined;
}

/** @throws CodedError `bad-input` when it would be open to everybody beyond this machine */
export function mustBeGuarded({ adminHost, adminToken, adminTls }: Door): void {
  if (isLoopbackHost(adminHost) || adminToken !== null || adminTls?.clientCa !== undefined) return;
  const need = 'set UNDERSTUDY_ADMIN_TOKEN, or ask for certificates with --admin-client-ca';
  throw new CodedError('bad-input', `the admin API may not listen on ${adminHost} open to everybody: ${need}`);
}

/** With an authority for clients, a connection without a certificate of its is not even heard. */
export function tlsOptions({ cert, key, clientCa }: ServerTls): ServerOptions {
  return { cert, key, minVersion: 'TLSv1.2', ...(clientCa !== undefined && { ca: clientCa, requestCert: true }) };
}
