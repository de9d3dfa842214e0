/** Orders and reads the faults of a simulated cluster over its control API. */
import { CodedError } from '../domain/errors.js';
import type { ClusterState } from './control-server.js';
import type { ActiveFault, FaultKind } from './faults.js';
import { loopbackUrl } from './loopback.js';

/** Long enough for a cluster that must come back first. */
const ANSWER_MS_MAX = 20_000;

/** `{kind, durationMs?, ...parameters}` as in docs/simulator.md. */
export type FaultOrder = Readonly<Record<string, unknown>> & { readonly kind: string };

/** @throws CodedError `bad-input` when the order is wrong, `simulator-unreachable` when nobody answers */
export async function orderFault(controlUrl: string, order: FaultOrder): Promise<ActiveFault> {
  const answer = await ask(controlUrl, '/fault', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(order),
  });
  return (answer as { fault: ActiveFault }).fault;
}

/** Answers with the kinds that were on. Errors as {@link orderFault}. */
export async function clearFaults(controlUrl: string, kind: string | null): Promise<readonly FaultKind[]> {
  const query = kind === null ? '' : `?kind=${encodeURIComponent(kind)}`;
  const answer = await ask(controlUrl, `/fault${query}`, { method: 'DELETE' });
  return (answer as { cleared: readonly FaultKind[] }).cleared;
}

/** Errors as {@link orderFault}. */
export async function readClusterState(controlUrl: string): Promise<ClusterState> {
  return (await ask(controlUrl, '/state', {})) as ClusterState;
}

async function ask(controlUrl: string, path: string, init: RequestInit): Promise<unknown> {
  const url = new URL(path, loopbackUrl(controlUrl));
  let status: number;
  let body: unknown;
  try {
    const response = await fetch(url, { ...init, redirect: 'error', signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    status = response.status;
    body = await response.json();
  } catch (cause) {
    throw new CodedError('simulator-unreachable', `no answer from ${url.origin}`, { cause });
  }
  if (status === 200) return body;
  const message = (body as { message?: unknown } | null)?.message;
  const said = typeof message === 'string' ? message : `HTTP ${String(status)}`;
  throw new CodedError(status < 500 ? 'bad-input' : 'simulator-unreachable', said);
}
