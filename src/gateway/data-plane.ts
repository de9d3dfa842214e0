/**
 * Where callers are served: in this process (`serve-here.ts`), or in several worker processes (`workers/`). The admin side
 * orders and asks through this alone, so that every answer is one of all processes.
 */
import type { GatewaySettings } from '../domain/fleet.js';
import type { TrafficState } from '../domain/traffic.js';
import type { ServiceName } from '../domain/words.js';
import type { Questions } from './questions.js';
import type { RouteTable } from './routes/route-table.js';

export type States = Readonly<Record<ServiceName, TrafficState>>;

/** Processes that serve: how many there should be, which ones there are, and how many ended unasked so far. */
export interface WorkersNow {
  readonly wanted: number;
  /** With the requests that each ran when it told last, a moment ago. */
  readonly serving: readonly { readonly pid: number; readonly inFlight: number }[];
  readonly lost: number;
}

export interface DataPlane {
  readonly url: string;
  /** `null`: everything is served in one process. */
  readonly workers: WorkersNow | null;
  /** Resolves when nobody serves by an older table any more. Whoever began `catching-up` is ready with its first one. */
  apply(table: RouteTable): Promise<void>;
  /** States of one service, or of all (`null`), added up over all processes. */
  states(only: ServiceName | null): Promise<States>;
  /** Puts one question to every serving process; the answers of those that gave one in time. */
  ask<Name extends keyof Questions>(
    name: Name,
    argument: Questions[Name]['argument'],
    /** How long an answer may take, where that is longer than a look. */
    msMax?: number,
  ): Promise<readonly Questions[Name]['answer'][]>;
  /** Other keys of callers from now on. @throws CodedError `bad-config` when that would open or close the gateway to all */
  replaceKeys(keys: GatewaySettings['keys']): void;
  /** `/readyz` says from now on that this one goes; callers are served all the same. */
  announceEnd(): Promise<void>;
  /** No new connections; requests that run may go on for `graceMs`, then they are ended with an error that says so. */
  close(graceMs: number): Promise<void>;
}
