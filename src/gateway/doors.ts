/** Who may come through the doors of a gateway, as it was started: `doctor` says what is open. */
import { namesAccepted, type NamesAccepted } from './door/foreign.js';
import type { GatewayOptions } from './gateway.js';

export interface Doors {
  /** Names under which callers are served. */
  readonly names: NamesAccepted;
  /** Callers need keys. */
  readonly keys: boolean;
  /** What opens the admin API. */
  readonly admin: 'token' | 'certificate' | 'nothing';
}

export function doorsOf({ host, settings, adminToken, adminTls }: GatewayOptions): Doors {
  const guard = adminTls?.clientCa === undefined ? 'nothing' : 'certificate';
  return {
    names: namesAccepted({ host, hosts: settings.hosts }),
    keys: settings.keys !== undefined,
    admin: adminToken === null ? guard : 'token',
  };
}
