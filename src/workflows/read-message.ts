/**
 * Messages as they really arrive: a signal sent by hand may carry anything. Plain checks instead of a schema library,
 * for a library's schemas would be built anew in every cached workflow.
 */
import { describeValue } from '../domain/outside.js';
import { printable } from '../domain/printable.js';
import type { Attribution } from '../domain/words.js';
import type { FreezeRequest, MaintenanceRequest, MoveRequest } from './messages.js';

export type Reading<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string };

export const TEXT_LENGTH_MAX = 500;
const FREEZE_MS_MAX = 7 * 24 * 60 * 60_000;

export function readAttribution(raw: unknown, via: Attribution['via']): Reading<Attribution> {
  const source = raw ?? {};
  if (typeof source !== 'object' || Array.isArray(source)) {
    return { ok: false, why: `expected an object like {"by":"me","reason":"…"}, found ${describe(raw)}` };
  }
  const fields = source as Record<string, unknown>;
  const wrong = wrongText(fields);
  if (wrong !== null) return { ok: false, why: wrong };
  const { by, reason } = fields as { by?: string; reason?: string };
  const name = printable(by ?? '', TEXT_LENGTH_MAX);
  return {
    ok: true,
    value: {
      by: name === '' ? 'somebody' : name,
      reason: printable(reason ?? '', TEXT_LENGTH_MAX),
      via: readVia(fields['via']) ?? via,
    },
  };
}

function wrongText(fields: Record<string, unknown>): string | null {
  for (const name of ['by', 'reason', 'via', 'to', 'from']) {
    const value = fields[name];
    if (value === undefined || (typeof value === 'string' && value.length <= TEXT_LENGTH_MAX)) continue;
    return `${name}: expected a text of at most ${TEXT_LENGTH_MAX} characters, found ${describe(value)}`;
  }
  return null;
}

export function readMoveRequest(raw: unknown, via: Attribution['via']): Reading<MoveRequest> {
  const who = readAttribution(raw, via);
  if (!who.ok) return who;
  const { to, from } = (raw ?? {}) as { to?: string; from?: string };
  return {
    ok: true,
    value: {
      ...who.value,
      ...(to === undefined ? {} : { to: printable(to) }),
      ...(from === undefined ? {} : { from: printable(from) }),
    },
  };
}

export function readMaintenanceRequest(raw: unknown, via: Attribution['via']): Reading<MaintenanceRequest> {
  const who = readAttribution(raw, via);
  if (!who.ok) return who;
  const { cluster, forMs } = (raw ?? {}) as { cluster?: unknown; forMs?: unknown };
  if (typeof cluster !== 'string' || cluster.length > TEXT_LENGTH_MAX)
    return { ok: false, why: `cluster: expected a name, found ${describe(cluster)}` };
  if (typeof forMs !== 'number' || !(forMs >= 0) || forMs > FREEZE_MS_MAX) {
    const expected = `milliseconds up to ${FREEZE_MS_MAX} (7 days), 0 to end it`;
    return { ok: false, why: `forMs: expected ${expected}, found ${describe(forMs)}` };
  }
  return { ok: true, value: { ...who.value, cluster: printable(cluster), forMs } };
}

export function readFreezeRequest(raw: unknown, via: Attribution['via']): Reading<FreezeRequest> {
  const who = readAttribution(raw, via);
  if (!who.ok) return who;
  const forMs = (raw as { forMs?: unknown } | null | undefined)?.forMs;
  if (typeof forMs !== 'number' || !(forMs > 0) || forMs > FREEZE_MS_MAX) {
    return {
      ok: false,
      why: `forMs: expected milliseconds between 1 and ${FREEZE_MS_MAX} (7 days), found ${describe(forMs)}`,
    };
  }
  return { ok: true, value: { ...who.value, forMs } };
}

function readVia(raw: unknown): Attribution['via'] | null {
  return raw === 'cli' || raw === 'slack' || raw === 'api' || raw === 'signal' ? raw : null;
}

function describe(value: unknown): string {
  return printable(describeValue(value), 80);
}
