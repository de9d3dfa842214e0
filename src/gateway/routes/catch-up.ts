/**
 * A gateway that was away asks its peers for their table before it serves: while it was down the controller has written to
 * those that were there. When no peer answers in time it serves by its own table all the same, and says so: callers that are
 * served by an old table are better off than callers that are not served.
 */
import { CodedError } from '../../domain/errors.js';
import { fieldsOf, parsedOf, textOf } from '../../domain/outside.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, fetch } from 'undici';
import type { ClientTls } from '../../domain/admin-tls.js';
import { calmAgent, neverPaused } from '../../outside/never-paused.js';
import { boundedText } from '../../outside/bounded-text.js';
import type { RouteTable } from './route-table.js';
import { tableSchema } from './table-file.js';

export interface Peers {
  /** Admin base URLs; this gateway's own may be among them, for it does not listen yet. */
  readonly urls: readonly string[];
  readonly token: string | null;
  /** For peers whose admin API speaks HTTPS. */
  readonly tls?: ClientTls | undefined;
}

/** One look at all peers, and all looks together, ms. */
const LOOK_MS_MAX = 1_000;
const CATCH_UP_MS_MAX = 3_000;
const PAUSE_MS = 250;
const TABLE_BYTES_MAX = 64 * 1024 * 1024;

export async function catchUp(
  own: RouteTable,
  peers: Peers,
  tell: (event: Readonly<Record<string, unknown>>) => void,
): Promise<RouteTable> {
  const endsAtMs = performance.now() + CATCH_UP_MS_MAX;
  for (;;) {
    const looks = await Promise.all(peers.urls.map(async (url) => await lookAt(url, peers)));
    const tables = looks.flatMap((look) => (look.kind === 'table' ? [look.table] : []));
    if (tables.length > 0) {
      tell({ event: 'caught-up', from: looks.flatMap((look) => (look.kind === 'table' ? [look.url] : [])) });
      return freshest(own, tables);
    }
    if (performance.now() + PAUSE_MS >= endsAtMs) {
      const message = 'NO PEER ANSWERED: serving by the table on disk, which may be old, until the controller writes';
      tell({ event: 'catch-up-failed', message, why: looks.flatMap((l) => (l.kind === 'silent' ? [l.why] : [])) });
      return own;
    }
    await sleep(PAUSE_MS);
  }
}

/**
 * Peers were there while this one was not, so at the same epoch they know better, and what none of them knows was forgotten.
 * Of two peers the one with the larger epoch, then the larger step, then the later change.
 */
export function freshest(own: RouteTable, peers: readonly RouteTable[]): RouteTable {
  const names = new Set(peers.flatMap((table) => Object.keys(table)));
  if (names.size === 0) return own;
  return Object.fromEntries(
    [...names].flatMap((name) => {
      const routes = peers.flatMap((table) => (Object.hasOwn(table, name) ? (table[name] ?? []) : []));
      const [best] = routes.sort((a, b) => b.epoch - a.epoch || b.step - a.step || b.changedAtMs - a.changedAtMs);
      const mine = Object.hasOwn(own, name) ? own[name] : undefined;
      const chosen = mine !== undefined && mine.epoch > (best?.epoch ?? -1) ? mine : best;
      return chosen === undefined ? [] : [[name, chosen]];
    }),
  );
}

type Look =
  | { readonly kind: 'table'; readonly url: string; readonly table: RouteTable }
  | { readonly kind: 'silent'; readonly why: string };

async function lookAt(url: string, { token, tls }: Peers): Promise<Look> {
  const agent = tls === undefined ? null : neverPaused(new Agent({ connect: { ...tls } }));
  try {
    const answer = await fetch(new URL('/table', url), {
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(LOOK_MS_MAX),
      redirect: 'error',
      dispatcher: agent ?? calmAgent,
    });
    if (answer.status !== 200) return { kind: 'silent', why: `${url}: status ${answer.status}` };
    return {
      kind: 'table',
      url,
      table: tableSchema.parse(parsedOf(await boundedText(answer.body, TABLE_BYTES_MAX))).services,
    };
  } catch (error) {
    if (error instanceof CodedError) return { kind: 'silent', why: `${url}: ${error.message}` };
    const { code, message } = fieldsOf((error as Error).cause ?? error);
    return { kind: 'silent', why: `${url}: ${textOf(code) ?? textOf(message) ?? 'it failed'}` };
  } finally {
    void agent?.destroy();
  }
}
