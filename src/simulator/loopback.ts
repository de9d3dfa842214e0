/** The simulator's faults and load never leave the machine. */
import { CodedError } from '../domain/errors.js';
import { isLoopbackHost } from '../domain/loopback.js';

/** @throws CodedError `bad-input` for anything but an http URL of this machine */
export function loopbackUrl(value: string): URL {
  const url = URL.canParse(value) ? new URL(value) : null;
  if (url?.protocol === 'http:' && isLoopbackHost(url.hostname)) return url;
  throw new CodedError(
    'bad-input',
    `expected an http URL of this machine, such as http://127.0.0.1:4401, found ${JSON.stringify(value)}`,
  );
}
