/** Certificates of the admin API, on both sides: files that are named by options or the environment, read once at start. */
import { readFileSync } from 'node:fs';
import { CodedError } from '../domain/errors.js';
import type { ClientTls, ServerTls } from '../domain/admin-tls.js';

export interface ServerTlsFiles {
  readonly adminTlsCert?: string | undefined;
  readonly adminTlsKey?: string | undefined;
  readonly adminClientCa?: string | undefined;
}

/** `undefined`: plain HTTP. @throws CodedError `bad-input` when a part is missing or cannot be read */
export function readServerTls({ adminTlsCert, adminTlsKey, adminClientCa }: ServerTlsFiles): ServerTls | undefined {
  if (adminTlsCert === undefined && adminTlsKey === undefined && adminClientCa === undefined) return undefined;
  return {
    cert: fileOf('--admin-tls-cert', adminTlsCert),
    key: fileOf('--admin-tls-key', adminTlsKey),
    ...(adminClientCa !== undefined && { clientCa: fileOf('--admin-client-ca', adminClientCa) }),
  };
}

/** How workers and the command line show who they are; `undefined`: they do not. @throws CodedError `bad-input` as above */
export function readClientTls(env: Readonly<Record<string, string | undefined>>): ClientTls | undefined {
  const cert = env['UNDERSTUDY_ADMIN_CLIENT_CERT'];
  const key = env['UNDERSTUDY_ADMIN_CLIENT_KEY'];
  const ca = env['UNDERSTUDY_ADMIN_CA'];
  if (cert === undefined && key === undefined && ca === undefined) return undefined;
  const shows = cert !== undefined || key !== undefined;
  return {
    ...(ca !== undefined && { ca: fileOf('UNDERSTUDY_ADMIN_CA', ca) }),
    ...(shows && {
      cert: fileOf('UNDERSTUDY_ADMIN_CLIENT_CERT', cert),
      key: fileOf('UNDERSTUDY_ADMIN_CLIENT_KEY', key),
    }),
  };
}

function fileOf(name: string, path: string | undefined): string {
  if (path === undefined) throw new CodedError('bad-input', `${name} is missing: certificate and key go together`);
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new CodedError('bad-input', `${name}: ${path} cannot be read (${code})`, { cause: error });
  }
}
