/** Orders and reads the faults of a simulated cluster over its control API. */
import { CodedError } from '../domain/errors.js';
import { fieldsOf, isFields, listOf, parsedOf, type Fields } from '../domain/outside.js';
import { boundedText, SMALL_ANSWER_BYTES_MAX } from '../outside/bounded-text.js';
import type { ClusterState } from './control-server.js';
import { FAULTS, type ActiveFault, type FaultKind } from './faults.js';
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
  if (!isActive(answer['fault'])) throw notOurs(controlUrl);
  return answer['fault'];
}

/** Answers with the kinds that were on. Errors as {@link orderFault}. */
export async function clearFaults(controlUrl: string, kind: string | null): Promise<readonly FaultKind[]> {
  const query = kind === null ? '' : `?kind=${encodeURIComponent(kind)}`;
  const answer = await ask(controlUrl, `/fault${query}`, { method: 'DELETE' });
  const cleared = listOf(answer['cleared']);
  if (cleared === null || !cleared.every(isKind)) throw notOurs(controlUrl);
  return cleared;
}

/** Errors as {@link orderFault}. */
export async function readClusterState(controlUrl: string): Promise<ClusterState> {
  const answer = await ask(controlUrl, '/state', {});
  if (!isState(answer)) throw notOurs(controlUrl);
  return answer;
}

const isKind = (value: unknown): value is FaultKind => typeof value === 'string' && Object.hasOwn(FAULTS, value);
const isPlain = (value: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof value);

function isActive(value: unknown): value is ActiveFault {
  const { kind, params, startedAtMs, endsAtMs } = fieldsOf(value);
  const isTimed = typeof startedAtMs === 'number' && (endsAtMs === null || typeof endsAtMs === 'number');
  return isKind(kind) && isTimed && isFields(params) && Object.values(params).every(isPlain);
}

function isState(value: Fields): value is Fields & ClusterState {
  const { cluster, url, frozen, servingPid, faults } = value;
  const isUp = servingPid === null || typeof servingPid === 'number';
  const isNamed = typeof cluster === 'string' && typeof url === 'string' && typeof frozen === 'boolean';
  return isNamed && isUp && (listOf(faults)?.every(isActive) ?? false);
}

const notOurs = (controlUrl: string): CodedError =>
  new CodedError('simulator-unreachable', `${new URL(controlUrl).origin} does not answer as a simulated cluster does`);

async function ask(controlUrl: string, path: string, init: RequestInit): Promise<Fields> {
  const url = new URL(path, loopbackUrl(controlUrl));
  let status: number;
  let body: unknown;
  try {
    const response = await fetch(url, { ...init, redirect: 'error', signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    status = response.status;
    body = parsedOf(await boundedText(response.body, SMALL_ANSWER_BYTES_MAX));
  } catch (cause) {
    throw new CodedError('simulator-unreachable', `no answer from ${url.origin}`, { cause });
  }
  if (status === 200 && isFields(body)) return body;
  const { message } = fieldsOf(body);
  const said = typeof message === 'string' ? message : `HTTP ${String(status)}`;
  throw new CodedError(status < 500 ? 'bad-input' : 'simulator-unreachable', said);
}
