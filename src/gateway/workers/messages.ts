/** What passes between the gateway's parent process and its workers, as JSON. */
import type { ErrorCode } from '../../domain/errors.js';
import { OVERLOAD_DEFAULTS, type GatewaySettings, type KeySpec } from '../../domain/fleet.js';
import { fieldsOf, isFields, type Fields } from '../../domain/outside.js';
import type { ServiceName } from '../../domain/words.js';
import { isTrafficState } from '../../domain/traffic.js';
import type { States } from '../data-plane.js';
import type { Readiness } from '../door/readiness.js';
import type { Questions } from '../questions.js';
import type { RouteTable, ServiceRoute } from '../routes/route-table.js';

/** Everything that a worker needs to serve; it reads no file and no flag, so that all workers are alike. */
export interface Beginning {
  readonly host: string;
  readonly port: number;
  readonly settings: GatewaySettings;
  readonly dataDir: string;
  readonly redisUrl: string | null;
  readonly process: string;
  readonly startedAtMs: number;
  readonly table: RouteTable;
  readonly readiness: Readiness;
}

/** Only what differs, so that services that did not change are not touched. */
export interface TableChange {
  readonly changed: RouteTable;
  readonly gone: readonly ServiceName[];
}

export interface Calls extends Questions {
  readonly begin: { readonly argument: Beginning; readonly answer: { readonly url: string } };
  readonly apply: { readonly argument: TableChange; readonly answer: null };
  readonly close: { readonly argument: { readonly graceMs: number }; readonly answer: null };
}

/** Parent to worker; answered under its id. */
export type Call = {
  readonly [Name in keyof Calls]: {
    readonly id: number;
    readonly name: Name;
    readonly argument: Calls[Name]['argument'];
  };
}[keyof Calls];

/** Worker to parent. */
export type Word =
  | { readonly kind: 'hello' }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: unknown }
  /** `code`: of an error that is in the registry. */
  | { readonly kind: 'failure'; readonly id: number; readonly why: string; readonly code: ErrorCode | null }
  /** States that changed since the last report; also the sign that it lives. */
  | { readonly kind: 'report'; readonly states: States }
  | { readonly kind: 'event'; readonly event: Readonly<Record<string, unknown>> };

const IS_WHOLE: Readonly<Record<Word['kind'], (said: Fields) => boolean>> = {
  hello: () => true,
  answer: ({ id }) => isId(id),
  failure: ({ id, why }) => isId(id) && typeof why === 'string',
  report: ({ states }) => isFields(states) && Object.values(states).every(isTrafficState),
  event: ({ event }) => isFields(event),
};

/** `null`: it is no word. A process whose memory is damaged may say anything. */
export function readWord(said: unknown): Word | null {
  const { kind } = fieldsOf(said);
  const isKnown = typeof kind === 'string' && Object.hasOwn(IS_WHOLE, kind);
  return isKnown && IS_WHOLE[kind as Word['kind']](fieldsOf(said)) ? (said as Word) : null;
}

/** Without an id nobody could be answered. */
export const readCall = (said: unknown): Call | null => (isId(fieldsOf(said)['id']) ? (said as Call) : null);

const isId = (value: unknown): boolean => typeof value === 'number';

export function changeBetween(before: RouteTable, after: RouteTable): TableChange {
  return {
    changed: Object.fromEntries(Object.entries(after).filter(([name, route]) => before[name] !== route)),
    gone: Object.keys(before).filter((name) => !Object.hasOwn(after, name)),
  };
}

/** What one of several workers is told: limits are of the cluster, so each worker has its part of them, rounded up. */
export function partOf(table: RouteTable, workers: number): RouteTable {
  return Object.fromEntries(Object.entries(table).map(([name, route]) => [name, partOfRoute(route, workers)]));
}

/** A caller's limits likewise: no worker knows how much of them the others have used. */
export function partOfKeys(keys: readonly KeySpec[], workers: number): readonly KeySpec[] {
  const part = (whole: number | null): number | null => (whole === null ? null : Math.ceil(whole / workers));
  return keys.map((key) => {
    const { requestsPerMinute, tokensPerMinute, concurrent } = key.limits;
    const limits = {
      requestsPerMinute: part(requestsPerMinute),
      tokensPerMinute: part(tokensPerMinute),
      concurrent: part(concurrent),
    };
    return { ...key, limits };
  });
}

function partOfRoute(route: ServiceRoute, workers: number): ServiceRoute {
  const { members, overload = OVERLOAD_DEFAULTS } = route.definition;
  const part = (whole: number): number => Math.ceil(whole / workers);
  const definition = {
    ...route.definition,
    members: members.map((m) => (typeof m.limit === 'number' ? { ...m, limit: part(m.limit) } : m)),
    overload: { ...overload, waitingMax: part(overload.waitingMax) },
  };
  return { ...route, definition };
}

export function tableAfter(before: RouteTable, { changed, gone }: TableChange): RouteTable {
  const kept = Object.entries<ServiceRoute>({ ...before, ...changed }).filter(([name]) => !gone.includes(name));
  return Object.fromEntries(kept);
}
