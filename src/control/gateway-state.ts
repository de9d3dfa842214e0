/** What the gateway really does now, read from its admin API: the `effective` side of `status`. */
import { Agent, fetch, type Response } from 'undici';
import type { ClientTls } from '../domain/admin-tls.js';
import { CodedError } from '../domain/errors.js';
import type { TrafficState } from '../domain/traffic.js';
import type { ServiceName } from '../domain/words.js';

/** Where a gateway's admin API is. The token is never part of a message. */
export interface GatewayAdmin {
  readonly url: string;
  readonly token: string | null;
  /** For an admin API that speaks HTTPS. */
  readonly tls?: ClientTls | undefined;
}

const TIMEOUT_MS = 2_000;
const BODY_BYTES_MAX = 16 * 1_048_576;

/**
 * The state of every service that the gateway serves.
 * @throws CodedError `layer-unreachable` saying what was tried and what came back
 */
export async function readGatewayState(admin: GatewayAdmin): Promise<ReadonlyMap<ServiceName, TrafficState>> {
  const url = new URL('/state', admin.url);
  const agent = admin.tls === undefined ? undefined : new Agent({ connect: { ...admin.tls } });
  try {
    const headers = admin.token === null ? {} : { authorization: `Bearer ${admin.token}` };
    const answer = await fetch(url, {
      headers,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      redirect: 'error',
      ...(agent && { dispatcher: agent }),
    });
    if (answer.status !== 200)
      throw new Error(answer.status === 401 ? 'it refuses the admin token' : `status ${answer.status}`);
    const states = statesIn(JSON.parse(await boundedText(answer)));
    return new Map(states.map((state) => [state.service, state]));
  } catch (error) {
    throw new CodedError('layer-unreachable', `the gateway at ${url.origin} does not answer: ${sentence(error)}`, {
      cause: error,
    });
  } finally {
    await agent?.destroy();
  }
}

async function boundedText(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > BODY_BYTES_MAX) throw new Error(`its answer is larger than ${BODY_BYTES_MAX} bytes`);
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function statesIn(body: unknown): readonly TrafficState[] {
  const services = (body as { services?: unknown } | null)?.services;
  const list: unknown = Array.isArray(services)
    ? services
    : typeof services === 'object' && services !== null
      ? Object.values(services)
      : null;
  if (!Array.isArray(list)) throw new Error('its answer has no `services`; is this a gateway?');
  return list as readonly TrafficState[];
}

function sentence(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${TIMEOUT_MS} ms`;
  // `fetch` says "fetch failed" and keeps what happened in the cause.
  const { code, message } = (error.cause ?? error) as { code?: string; message?: string };
  return code === 'ECONNREFUSED' ? 'connection refused' : (code ?? message ?? error.message);
}
