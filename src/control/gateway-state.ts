/** What the gateway really does now, read from its admin API: the `effective` side of `status`. */
import { messageOf } from '../domain/describe-error.js';
import { fieldsOf, isFields, listOf, parsedOf } from '../domain/outside.js';
import { Agent, fetch } from 'undici';
import type { ClientTls } from '../domain/admin-tls.js';
import { CodedError } from '../domain/errors.js';
import { mergeReplicas, type ReplicaAnswer } from '../domain/merge-replicas.js';
import { isTrafficState, type TrafficState } from '../domain/traffic.js';
import type { ServiceName } from '../domain/words.js';
import { boundedText } from '../outside/bounded-text.js';
import { calmAgent, neverPaused } from '../outside/never-paused.js';

/** Where the admin API of a service's gateways is. The token is never part of a message. */
export interface GatewayAdmin {
  /** At least one. */
  readonly urls: readonly string[];
  readonly token: string | null;
  /** For an admin API that speaks HTTPS. */
  readonly tls?: ClientTls | undefined;
}

const TIMEOUT_MS = 2_000;
const BODY_BYTES_MAX = 16 * 1_048_576;

export interface GatewayState {
  readonly services: ReadonlyMap<ServiceName, TrafficState>;
  /** Of gateways with worker processes: how many serve, and should. */
  readonly workers: readonly { readonly gateway: string; readonly serving: number; readonly wanted: number }[];
  /** Gateways that every name leads to, so that a web page may use them; none where keys are needed. */
  readonly open: readonly string[];
  /** Gateways whose admin API asks nobody who he is. */
  readonly unguarded: readonly string[];
  /** Gateways that did not answer, in one sentence each. */
  readonly away: readonly string[];
}

type Answer =
  { readonly name: string; readonly body: AdminState } | { readonly name: string; readonly error: CodedError };

interface DoorsTold {
  readonly names?: string;
  readonly keys?: boolean;
  readonly admin?: string;
}

interface AdminState {
  readonly doors: DoorsTold;
  readonly services: readonly TrafficState[];
  readonly workers: { readonly wanted: number; readonly serving: readonly unknown[] } | null;
}

/**
 * The state of every service, over all gateways.
 * @throws CodedError `layer-unreachable` when none answers, saying what was tried and what came back
 */
export async function readGatewayState(admin: GatewayAdmin): Promise<GatewayState> {
  const answers = await Promise.all(
    admin.urls.map(async (url): Promise<Answer> => {
      const name = new URL(url).host;
      return await askGateway(url, admin).then(
        (body) => ({ name, body }),
        (error: CodedError) => ({ name, error }),
      );
    }),
  );
  const failed = answers.flatMap((answer) => ('error' in answer ? [answer.error] : []));
  const [first] = failed;
  if (first !== undefined && failed.length === answers.length) throw first;
  const told = answers.flatMap((answer) => ('body' in answer ? [answer] : []));
  const names = new Set(told.flatMap(({ body }) => body.services.map(({ service }) => service)));
  return {
    services: new Map([...names].flatMap((name) => stateOf(name, answers))),
    workers: told.flatMap(({ name, body: { workers } }) =>
      workers === null ? [] : [{ gateway: name, serving: workers.serving.length, wanted: workers.wanted }],
    ),
    open: told.flatMap(({ name, body: { doors } }) => (doors.names === 'any' && doors.keys !== true ? [name] : [])),
    unguarded: told.flatMap(({ name, body: { doors } }) => (doors.admin === 'nothing' ? [name] : [])),
    away: failed.map(({ message }) => message),
  };
}

function stateOf(service: ServiceName, answers: readonly Answer[]): [ServiceName, TrafficState][] {
  const parts = answers.map((answer): ReplicaAnswer => {
    if ('error' in answer) return { name: answer.name, code: 'layer-unreachable', why: answer.error.message };
    const state = answer.body.services.find((s) => s.service === service);
    return state === undefined
      ? { name: answer.name, code: 'unknown-service', why: `it does not know ${service}` }
      : { name: answer.name, state };
  });
  const [only, ...others] = parts;
  if (only !== undefined && others.length === 0) return 'state' in only ? [[service, only.state]] : [];
  const merged = mergeReplicas(parts);
  return merged.kind === 'state' ? [[service, merged.state]] : [];
}

async function askGateway(base: string, { token, tls }: GatewayAdmin): Promise<AdminState> {
  const url = new URL('/state', base);
  const agent = tls === undefined ? null : neverPaused(new Agent({ connect: { ...tls } }));
  try {
    const headers = token === null ? {} : { authorization: `Bearer ${token}` };
    const answer = await fetch(url, {
      headers,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      redirect: 'error',
      dispatcher: agent ?? calmAgent,
    });
    if (answer.status !== 200)
      throw new Error(answer.status === 401 ? 'it refuses the admin token' : `status ${answer.status}`);
    const body = parsedOf(await boundedText(answer.body, BODY_BYTES_MAX));
    return { services: statesIn(body), workers: workersIn(body), doors: doorsIn(body) };
  } catch (error) {
    throw new CodedError('layer-unreachable', `the gateway at ${url.origin} does not answer: ${sentence(error)}`, {
      cause: error,
    });
  } finally {
    await agent?.destroy();
  }
}

/** What is no state is not there: a gateway that nobody understands has no service. */
function statesIn(body: unknown): readonly TrafficState[] {
  const { services } = fieldsOf(body);
  const list = listOf(services) ?? (isFields(services) ? Object.values(services) : null);
  if (list === null) throw new Error('its answer has no `services`; is this a gateway?');
  if (!list.every(isTrafficState)) throw new Error('its answer is not what a gateway says of its services');
  return list;
}

function workersIn(body: unknown): AdminState['workers'] {
  const { wanted, serving } = fieldsOf(fieldsOf(body)['workers']);
  return typeof wanted === 'number' && Array.isArray(serving) ? { wanted, serving } : null;
}

function doorsIn(body: unknown): DoorsTold {
  const { names, keys, admin } = fieldsOf(fieldsOf(body)['doors']);
  return {
    ...(typeof names === 'string' && { names }),
    ...(typeof keys === 'boolean' && { keys }),
    ...(typeof admin === 'string' && { admin }),
  };
}

function sentence(error: unknown): string {
  if (!(error instanceof Error) || error instanceof CodedError) return messageOf(error);
  if (error.name === 'TimeoutError') return `no answer within ${TIMEOUT_MS} ms`;
  // `fetch` says "fetch failed" and keeps what happened in the cause.
  const { code, message } = (error.cause ?? error) as { code?: string; message?: string };
  return code === 'ECONNREFUSED' ? 'connection refused' : (code ?? message ?? error.message);
}
