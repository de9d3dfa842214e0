/**
 * The data plane. It serves from the table that it was last given, kept on its own disk: it needs no controller, no
 * Temporal and no Slack, and goes on ejecting and retrying when all of those are gone.
 *
 *     callers --> public-api --> exchange --> attempt --> cluster          one request: attempts until one speaks
 *                                    |  pick / ended
 *                                 service  (members, ejection, counts, effective weights)
 *                                    ^  apply
 *     controller --> admin-api --> route-store --> table-file              a change: on disk, applied, answered
 */
import { randomUUID } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { ServerTls } from '../domain/admin-tls.js';
import type { GatewaySettings } from '../domain/fleet.js';
import { isLoopbackHost } from '../domain/loopback.js';
import type { ServiceDefinition } from '../domain/traffic.js';
import type { ServiceName } from '../domain/words.js';
import { serveAdmin } from './admin-api.js';
import { mustBeGuarded, tlsOptions } from './admin-door.js';
import { parseOrder, serviceDefinitionSchema } from './admin-schema.js';
import { KeyRing, replaceKeys } from './key-ring.js';
import { openMetrics, type MetricsPage } from './process-metrics.js';
import { Conversations } from './conversations/conversations.js';
import { openConversationStore } from './conversations/open-store.js';
import { serveCaller } from './public-api.js';
import { RouteStore } from './route-store.js';
import { defineService, type RouteTable } from './route-table.js';
import { Service, type ServiceDeps } from './service.js';
import { readTable, saveTable } from './table-file.js';
import { Upstreams } from './upstreams.js';

export interface GatewayOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly adminHost: string;
  readonly adminPort: number;
  /** Holds `gateway-routes.json`; made when it does not exist. */
  readonly dataDir: string;
  /** Bearer token of the admin API; `null`: everybody who reaches its port may change routes. */
  readonly adminToken: string | null;
  /** Certificates of the admin API; absent: plain HTTP. */
  readonly adminTls?: ServerTls | undefined;
  /** Told by the metrics. */
  readonly version?: string;
  /** URL of the Redis server, where the settings want one. */
  readonly redisUrl?: string | null;
  readonly settings: GatewaySettings;
  /** For services that the table on disk does not know. */
  readonly definitions: readonly ServiceDefinition[];
  /** Wall clock, ms. */
  readonly clock: () => number;
  /** Takes one JSON line for every change, whoever made it; standard output by default. */
  readonly audit?: (line: string) => void;
}

export interface RunningGateway {
  readonly url: string;
  readonly adminUrl: string;
  /** Other keys of callers from now on. @throws CodedError `bad-config` when that would open or close the gateway to all */
  replaceKeys(keys: GatewaySettings['keys']): void;
  /** No new requests; those that run may go on for `graceMs`, then they are broken off. */
  close(graceMs: number): Promise<void>;
}

/** A caller must have sent its headers, and then all of its request, within these, ms. */
const HEADERS_MS_MAX = 10_000;
const REQUEST_MS_MAX = 120_000;
/** How long an idle caller keeps its connection, ms; longer than load balancers in front (60 s), which hate surprises. */
const CALLER_IDLE_MS = 65_000;
const HEADER_BYTES_MAX = 32 * 1024;

const OPEN_TO_EVERYBODY =
  'EVERYBODY WHO REACHES THIS PORT MAY USE EVERY CLUSTER: it listens beyond this machine and gateway.keys is not set';

/**
 * Starts the data plane; resolves when both ports listen.
 * @throws CodedError `bad-input` for a definition that cannot be; system errors of the ports and the data directory
 */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  mustBeGuarded(options);
  const tell = teller(options);
  const upstreams = new Upstreams(options.settings.connectTimeoutMs);
  const services = new Map<ServiceName, Service>();
  const deps: ServiceDeps = { process: randomUUID(), upstreams, clock: options.clock, tell };
  const table = firstTable(options, tell);
  await saveTable(options.dataDir, table);
  const apply = (next: RouteTable): void => applyTable(next, services, deps);
  apply(table);
  const store = new RouteStore({ table, apply, save: async (next) => await saveTable(options.dataDir, next) });
  const keyRing = keyRingOf(options.settings);
  const conversations = openConversations(options, tell);
  let closing = false;
  let running: readonly Service[] = [...services.values()];
  const api = {
    settings: options.settings,
    keys: keyRing,
    services: () => (running.length === services.size ? running : (running = [...services.values()])),
    closing: () => closing,
    conversations,
    startedAtS: Math.floor(options.clock() / 1_000),
  };
  const metrics = metricsOf(options, services);
  const { adminToken: token, clock } = options;
  const admin = { token, store, services: () => services, clock, metrics: metrics.page, tell };
  const publicServer = httpServer(
    (req, res) => void serveCaller(api, req, res).catch((error: unknown) => tellFault(tell, error)),
  );
  const adminServer = httpServer(
    (req, res) => void serveAdmin(admin, req, res).catch((error: unknown) => tellFault(tell, error)),
    options.adminTls,
  );
  try {
    await listen(publicServer, options.host, options.port);
    await listen(adminServer, options.adminHost, options.adminPort);
  } catch (error) {
    publicServer.close();
    throw error;
  }
  tell({ event: 'gateway-started', process: deps.process, services: [...services.keys()] });
  if (keyRing === null) tellIfOpen(options.host, tell);
  return {
    url: urlOf(publicServer, options.host),
    adminUrl: urlOf(adminServer, options.adminHost, options.adminTls),
    replaceKeys(next) {
      replaceKeys(keyRing, next, tell);
    },
    async close(graceMs) {
      closing = true;
      await Promise.all([stop(publicServer, graceMs), stop(adminServer, graceMs)]);
      metrics.stop();
      await store.settled();
      await conversations?.close();
      await upstreams.destroy();
    },
  };
}

const keyRingOf = ({ keys }: GatewaySettings): KeyRing | null =>
  keys === undefined ? null : new KeyRing(keys, performance.now());

function metricsOf({ version = 'unknown', clock }: GatewayOptions, services: Map<ServiceName, Service>): MetricsPage {
  return openMetrics({
    version,
    startedAtMs: clock(),
    states: () => [...services.values()].map((service) => service.state()),
  });
}

function tellIfOpen(host: string, tell: ServiceDeps['tell']): void {
  if (!isLoopbackHost(host)) tell({ event: 'open-to-everybody', message: OPEN_TO_EVERYBODY });
}

function openConversations(options: GatewayOptions, tell: ServiceDeps['tell']): Conversations | null {
  const { dataDir, redisUrl = null, clock } = options;
  const store = openConversationStore(options.settings.conversations, { dataDir, redisUrl, clock });
  return store === null ? null : new Conversations(store, tell);
}

function firstTable(options: GatewayOptions, tell: ServiceDeps['tell']): RouteTable {
  const nowMs = options.clock();
  const read = readTable(options.dataDir, nowMs);
  if (read.kind === 'corrupt') {
    const message = 'THE ROUTE TABLE COULD NOT BE READ: starting from the configuration, with everybody at home';
    tell({ event: 'table-corrupt', message, why: read.why, movedTo: read.movedTo });
  }
  let table: RouteTable = read.kind === 'read' ? read.table : {};
  for (const given of options.definitions) {
    if (Object.hasOwn(table, given.service)) continue;
    table = defineService(table, parseOrder(serviceDefinitionSchema, Buffer.from(JSON.stringify(given))), nowMs);
  }
  return table;
}

function applyTable(table: RouteTable, services: Map<ServiceName, Service>, deps: ServiceDeps): void {
  for (const [name, route] of Object.entries(table)) {
    const known = services.get(name);
    if (known === undefined) services.set(name, new Service(route, deps));
    else if (known.route !== route) known.apply(route);
  }
  for (const name of [...services.keys()]) if (!Object.hasOwn(table, name)) services.delete(name);
  deps.upstreams.keepOnly(Object.values(table).flatMap((route) => route.definition.members.map((m) => m.url)));
}

const LIMITS = {
  headersTimeout: HEADERS_MS_MAX,
  requestTimeout: REQUEST_MS_MAX,
  keepAliveTimeout: CALLER_IDLE_MS,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: HEADER_BYTES_MAX,
  noDelay: true,
};

function httpServer(listener: RequestListener, tls?: ServerTls): Server {
  const server =
    tls === undefined ? createServer(LIMITS, listener) : createTlsServer({ ...LIMITS, ...tlsOptions(tls) }, listener);
  return server.on('clientError', refuseConnection);
}

const REFUSALS: Readonly<Record<string, readonly [string, string]>> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'the headers are too large'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'the request did not come in time'],
};

/** What Node's parser refuses never becomes a request; the caller gets the usual shape all the same. */
function refuseConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const [status, message] = REFUSALS[error.code ?? ''] ?? ['400 Bad Request', 'this is not HTTP'];
  const body = JSON.stringify({ error: { message, type: 'invalid_request_error', code: 'bad-input' } });
  socket.end(
    `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function stop(server: Server, graceMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}

function urlOf(server: Server, host: string, tls?: ServerTls): string {
  const { port } = server.address() as AddressInfo;
  return `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function teller(options: GatewayOptions): ServiceDeps['tell'] {
  const write = options.audit ?? ((line: string): void => void process.stdout.write(`${line}\n`));
  return (event) => write(JSON.stringify({ at: new Date(options.clock()).toISOString(), ...event }));
}

function tellFault(tell: ServiceDeps['tell'], error: unknown): void {
  tell({ event: 'gateway-fault', message: error instanceof Error ? error.message : String(error) });
}
