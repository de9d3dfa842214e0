/**
 * The keys of callers, by the SHA-256 of each: keys are random and long, so that nothing slower is needed and nobody who
 * reads the hashes can tell a key. A key is found by its hash, then compared in constant time.
 */
import { hash, timingSafeEqual } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { CodedError } from '../../domain/errors.js';
import type { KeySpec } from '../../domain/fleet.js';
import { Caller } from './caller.js';
import type { CallerError } from '../request/openai-error.js';

/** No key is as long; what is longer is not even hashed. */
const KEY_LENGTH_MAX = 512;

const BEARER = /^bearer +(\S+)$/i;

interface Entry {
  readonly digest: Buffer;
  readonly caller: Caller;
}

const refusal = (message: string): CallerError => ({
  status: 401,
  type: 'invalid_request_error',
  code: 'invalid_api_key',
  message,
});
const NO_KEY = refusal('no API key was given; send it as "Authorization: Bearer <key>"');
const WRONG_KEY = refusal('the API key that was given is not known here');

export type Found =
  { readonly kind: 'caller'; readonly caller: Caller } | { readonly kind: 'refused'; readonly error: CallerError };

export class KeyRing {
  #entries: ReadonlyMap<string, Entry> = new Map();

  constructor(keys: readonly KeySpec[], nowMs: number) {
    this.replace(keys, nowMs);
  }

  /** Other keys from now on. A caller whose name stays keeps what it has used of its limits. */
  replace(keys: readonly KeySpec[], nowMs: number): void {
    const known = new Map([...this.#entries.values()].map(({ caller }) => [caller.name, caller]));
    this.#entries = new Map(
      keys.map((spec) => {
        const caller = known.get(spec.name) ?? new Caller(spec, nowMs);
        caller.update(spec, nowMs);
        return [spec.sha256, { digest: Buffer.from(spec.sha256, 'hex'), caller }];
      }),
    );
  }

  find(authorization: string | undefined): Found {
    const key = BEARER.exec(authorization ?? '')?.[1];
    if (key === undefined) return { kind: 'refused', error: NO_KEY };
    if (key.length > KEY_LENGTH_MAX) return { kind: 'refused', error: WRONG_KEY };
    const digest = hash('sha256', key, 'buffer');
    const entry = this.#entries.get(digest.toString('hex'));
    if (entry === undefined || !timingSafeEqual(entry.digest, digest)) return { kind: 'refused', error: WRONG_KEY };
    return { kind: 'caller', caller: entry.caller };
  }
}

/** @throws CodedError `bad-config` when keys would come to be needed, or not needed any more: nobody should do that in passing */
export function mustStayAsItIs(needsKeys: boolean, keys: readonly KeySpec[] | undefined): void {
  if (needsKeys === (keys !== undefined)) return;
  throw new CodedError('bad-config', 'gateway.keys can be switched on or off by a restart only. Fix: restart');
}

/** @throws CodedError `bad-config` as above */
export function replaceKeys(
  ring: KeyRing | null,
  keys: readonly KeySpec[] | undefined,
  tell: (event: Readonly<Record<string, unknown>>) => void,
): void {
  mustStayAsItIs(ring !== null, keys);
  if (ring === null || keys === undefined) return;
  ring.replace(keys, performance.now());
  tell({ event: 'keys-replaced', names: keys.map((key) => key.name) });
}
