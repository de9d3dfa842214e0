/**
 * Our own gateway as a traffic layer: weights and drains through its admin API, at run time and effective at once.
 * It cannot compare-and-set weights: epoch and step are its fence. What it measures of itself it knows exactly.
 * A reset connection on a write leaves its outcome open; the caller reads back before it writes again.
 */
import { messageOf } from '../domain/describe-error.js';
import { fieldsOf, numberOf, parseFields } from '../domain/outside.js';
import { Agent, request, type Dispatcher } from 'undici';
import type { ClientTls } from '../domain/admin-tls.js';
import { CodedError } from '../domain/errors.js';
import { isTrafficState, type TrafficState } from '../domain/traffic.js';
import type { ServiceName } from '../domain/words.js';
import { boundedText } from '../outside/bounded-text.js';
import { calmAgent, neverPaused } from '../outside/never-paused.js';
import type { Capabilities, TrafficLayer } from './traffic-layer.js';

export interface GatewayLayerOptions {
  readonly adminUrl: string;
  readonly token: string | null;
  /** For an admin API that speaks HTTPS; absent: nothing is shown, and the system's authorities are trusted. */
  readonly tls?: ClientTls | undefined;
  /** For one call, ms. */
  readonly timeoutMs: number;
}

export const GATEWAY_CAPABILITIES: Capabilities = {
  granularityPct: 0.01,
  changeBy: 'runtime',
  zeroAllowed: true,
  inFlightKnown: true,
  compareAndSet: false,
  settleMs: 0, // a write is answered after it is applied
};

/** Codes that say that nothing was sent, so that nothing can have happened. */
const NOT_SENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** The state of one service, with all its clusters. */
const ANSWER_BYTES_MAX = 16 * 1_048_576;

interface Reach extends GatewayLayerOptions {
  readonly dispatcher: Dispatcher;
}

interface Call {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: object;
}

/** The traffic layer behind a gateway's admin API. Opens no connection by itself. */
export function openGateway(options: GatewayLayerOptions): TrafficLayer {
  const dispatcher = options.tls === undefined ? calmAgent : neverPaused(new Agent({ connect: { ...options.tls } }));
  const reach: Reach = { ...options, dispatcher };
  const ask = async (call: Call): Promise<unknown> => await callGateway(reach, call);
  const state = async (call: Call): Promise<TrafficState> => {
    const said = await ask(call);
    if (isTrafficState(said)) return said;
    throw refusal(reach, call, { status: 200, value: { message: 'it does not answer as a gateway does' } });
  };
  const on = (verb: string, service: ServiceName): string => `/${verb}/${encodeURIComponent(service)}`;
  return {
    can: GATEWAY_CAPABILITIES,
    read: async (service) => await state({ method: 'GET', path: on('state', service) }),
    define: async (definition) =>
      await state({ method: 'PUT', path: on('services', definition.service), body: definition }),
    forget: async (service) => {
      await ask({ method: 'DELETE', path: on('services', service) });
    },
    fence: async (service, fence) => await state({ method: 'PUT', path: on('fence', service), body: fence }),
    write: async (service, weights, fence) =>
      await state({ method: 'PUT', path: on('routes', service), body: { ...fence, weights } }),
    drain: async (service, cluster, { rehome, handOver = false }, fence) =>
      await state({ method: 'POST', path: on('drain', service), body: { ...fence, cluster, rehome, handOver } }),
    spill: async (service, wish, fence) =>
      await state({ method: 'PUT', path: on('spill', service), body: { ...fence, ...wish } }),
    warm: async (service, order, fence) => {
      // It answers when it is done, so it may take longer than a change does.
      const patient = { ...reach, timeoutMs: options.timeoutMs + order.timeoutMs };
      const call = { method: 'POST', path: on('warm', service), body: { ...fence, ...order } } as const;
      const { prefixes, tookMs } = fieldsOf(await callGateway(patient, call));
      return { prefixes: numberOf(prefixes) ?? 0, tookMs: numberOf(tookMs) ?? 0 };
    },
    undrain: async (service, cluster, fence) =>
      await state({ method: 'POST', path: on('undrain', service), body: { ...fence, cluster } }),
  };
}

async function callGateway(options: Reach, call: Call): Promise<unknown> {
  const { adminUrl, token, timeoutMs } = options;
  let status: number;
  let text: string;
  try {
    const answer = await request(new URL(call.path, adminUrl), {
      method: call.method,
      headers: { 'content-type': 'application/json', ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
      body: call.body === undefined ? null : JSON.stringify(call.body),
      signal: AbortSignal.timeout(timeoutMs),
      dispatcher: options.dispatcher,
    });
    status = answer.statusCode;
    text = await boundedText(answer.body, ANSWER_BYTES_MAX);
  } catch (error) {
    throw noAnswer(options, call, error);
  }
  const value = parseFields(text);
  if (status === 200 && value !== null) return value;
  throw refusal(options, call, { status, value });
}

function noAnswer({ adminUrl, timeoutMs }: GatewayLayerOptions, call: Call, error: unknown): CodedError {
  const what = `${call.method} ${call.path} at ${adminUrl}`;
  const code = (error as NodeJS.ErrnoException).code;
  const timedOut = error instanceof Error && error.name === 'TimeoutError';
  const why = timedOut ? `no answer within ${timeoutMs} ms` : messageOf(error);
  const sent = call.method !== 'GET' && !(typeof code === 'string' && NOT_SENT.has(code));
  return new CodedError(sent ? 'write-outcome-unknown' : 'layer-unreachable', `${what}: ${why}`, { cause: error });
}

const CODE_BY_STATUS = {
  400: 'bad-input',
  401: 'bad-config',
  403: 'bad-config',
  404: 'unknown-service',
  409: 'stale-epoch',
  413: 'bad-input',
  415: 'bad-input',
  422: 'epoch-too-far',
  503: 'layer-unreachable',
} as const;

function refusal(
  { adminUrl }: GatewayLayerOptions,
  call: Call,
  answer: { readonly status: number; readonly value: Readonly<Record<string, unknown>> | null },
): CodedError {
  const { status, value } = answer;
  const message = typeof value?.['message'] === 'string' ? value['message'] : `HTTP ${status}`;
  const text = `${call.method} ${call.path} at ${adminUrl}: ${message}`;
  if (value?.['code'] === 'unknown-cluster') return new CodedError('unknown-cluster', text);
  const code = CODE_BY_STATUS[status as keyof typeof CODE_BY_STATUS] as
    (typeof CODE_BY_STATUS)[keyof typeof CODE_BY_STATUS] | undefined;
  return new CodedError(code ?? (call.method === 'GET' ? 'layer-unreachable' : 'write-outcome-unknown'), text);
}
