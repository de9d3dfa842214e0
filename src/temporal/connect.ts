/** Connections to Temporal, with the credentials that Temporal's own tools read from the environment. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection, isGrpcServiceError, type TLSConfig } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import { CodedError } from '../domain/errors.js';

export interface ConnectOrder {
  /** host:port */
  readonly address: string;
  /** How long to go on trying, ms, 15 s by default: a server that is just starting is waited for. */
  readonly deadlineMs?: number;
  readonly env?: NodeJS.ProcessEnv;
}

const RETRY_MS = 250;
const DEADLINE_MS_DEFAULT = 15_000;

/**
 * For starting, asking and commanding workflows. The caller closes `connection`.
 * @throws CodedError `temporal-unreachable` naming the address; `bad-config` for a certificate that cannot be read
 */
export async function connectClient(
  order: ConnectOrder & { readonly namespace: string },
): Promise<{ readonly client: Client; readonly connection: Connection }> {
  const { address, namespace, deadlineMs = DEADLINE_MS_DEFAULT } = order;
  const credentials = credentialsFrom(order.env ?? process.env);
  const connection = await within(
    order,
    async (leftMs) => await Connection.connect({ address, ...credentials, connectTimeout: leftMs }),
  );
  try {
    await connection.withDeadline(Date.now() + deadlineMs, () =>
      connection.workflowService.describeNamespace({ namespace }),
    );
  } catch (error) {
    await connection.close();
    throw isAbsent(error) ? noNamespace(address, namespace) : unreachable(address, error, `namespace ${namespace}`);
  }
  return { client: new Client({ connection, namespace }), connection };
}

/**
 * For workers, which may start together with the server and whoever makes its namespace: both are waited for. The caller
 * closes it after its workers have ended.
 * @throws CodedError as `connectClient`
 */
export async function connectWorker(order: ConnectOrder & { readonly namespace: string }): Promise<NativeConnection> {
  // Loaded here: with it come the bundler and the native core, which no verb of an operator should pay for.
  const { NativeConnection } = await import('@temporalio/worker');
  const { address, namespace } = order;
  const credentials = credentialsFrom(order.env ?? process.env);
  const connection = await within(order, async () => await NativeConnection.connect({ address, ...credentials }));
  try {
    await within(order, async () => await connection.workflowService.describeNamespace({ namespace }));
  } catch (error) {
    await connection.close();
    const { cause } = error as CodedError;
    throw isAbsent(cause) ? noNamespace(address, namespace) : error;
  }
  return connection;
}

/** Credentials of Temporal's own variables (docs/temporal.md); an API key switches TLS on unless it is switched off. */
export function credentialsFrom(env: NodeJS.ProcessEnv): {
  readonly tls?: TLSConfig | boolean;
  readonly apiKey?: string;
} {
  const apiKey = env['TEMPORAL_API_KEY'];
  const tls = tlsFrom(env);
  return { ...(tls === undefined ? {} : { tls }), ...(apiKey ? { apiKey } : {}) };
}

function tlsFrom(env: NodeJS.ProcessEnv): TLSConfig | boolean | undefined {
  const wanted = env['TEMPORAL_TLS']?.toLowerCase();
  if (wanted === 'false' || wanted === '0') return false;
  const [crt, key] = [fileOf(env, 'TEMPORAL_TLS_CLIENT_CERT_PATH'), fileOf(env, 'TEMPORAL_TLS_CLIENT_KEY_PATH')];
  if ((crt === undefined) !== (key === undefined)) {
    throw new CodedError(
      'bad-config',
      'TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH belong together',
    );
  }
  const authority = fileOf(env, 'TEMPORAL_TLS_SERVER_CA_CERT_PATH');
  const serverName = env['TEMPORAL_TLS_SERVER_NAME'];
  const config: TLSConfig = {
    ...(crt && key ? { clientCertPair: { crt, key } } : {}),
    ...(authority ? { serverRootCACertificate: authority } : {}),
    ...(serverName ? { serverNameOverride: serverName } : {}),
  };
  if (Object.keys(config).length > 0) return config;
  return wanted === 'true' || wanted === '1' ? true : undefined;
}

function fileOf(env: NodeJS.ProcessEnv, name: string): Buffer | undefined {
  const path = env[name];
  if (!path) return undefined;
  try {
    return readFileSync(path);
  } catch (error) {
    throw new CodedError('bad-config', `${name}: ${(error as Error).message}`, { cause: error });
  }
}

async function within<T>(order: ConnectOrder, connect: (leftMs: number) => Promise<T>): Promise<T> {
  const deadline = Date.now() + (order.deadlineMs ?? DEADLINE_MS_DEFAULT);
  for (;;) {
    const leftMs = deadline - Date.now();
    try {
      return await connect(Math.max(leftMs, 1));
    } catch (error) {
      if (deadline - Date.now() <= RETRY_MS) throw unreachable(order.address, error);
      await sleep(RETRY_MS);
    }
  }
}

/** Of gRPC's status codes. */
const NOT_FOUND = 5;

const isAbsent = (error: unknown): boolean => isGrpcServiceError(error) && Number(error.code) === NOT_FOUND;

function noNamespace(address: string, namespace: string): CodedError {
  return new CodedError('no-namespace', `Temporal at ${address} has no namespace ${namespace}; nothing was started`);
}

function unreachable(address: string, error: unknown, about?: string): CodedError {
  const what = about === undefined ? '' : ` for ${about}`;
  return new CodedError(
    'temporal-unreachable',
    `Temporal at ${address} does not answer${what}: ${(error as Error).message}`,
    {
      cause: error,
    },
  );
}
