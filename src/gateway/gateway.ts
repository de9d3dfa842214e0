/**
 * The data plane. It serves from the table that it was last given, kept on its own disk: it needs no controller, no
 * Temporal and no Slack, and goes on ejecting and retrying when all of those are gone.
 *
 *     callers --> public-api --> exchange --> attempt --> cluster          one request: attempts until one speaks
 *                                    |  pick / ended
 *                                 service  (members, ejection, counts, effective weights)
 *                                    ^  apply, through data-plane: in this process, or in each worker
 *     controller --> admin-api --> route-store --> table-file              a change: on disk, applied, answered
 */
import { randomUUID } from 'node:crypto';
import type { ClientTls, ServerTls } from '../domain/admin-tls.js';
import type { GatewaySettings } from '../domain/fleet.js';
import { isLoopbackHost } from '../domain/loopback.js';
import type { ServiceDefinition, TrafficState } from '../domain/traffic.js';
import { serveAdmin } from './admin/admin-api.js';
import { mustBeGuarded } from './admin/admin-door.js';
import { parseOrder, serviceDefinitionSchema } from './admin/admin-schema.js';
import type { DataPlane } from './data-plane.js';
import { catchUp } from './routes/catch-up.js';
import { openMetrics, type MetricsPage } from './process-metrics.js';
import { httpServer, listen, stop, urlOf } from './http-server.js';
import { RouteStore } from './routes/route-store.js';
import { defineService, type RouteTable } from './routes/route-table.js';
import { serveHere, tellFault } from './serve-here.js';
import type { ServiceDeps } from './service/service.js';
import { readTable, saveTable } from './routes/table-file.js';
import { serveByWorkers } from './workers/worker-pool.js';

export interface GatewayOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly adminHost: string;
  readonly adminPort: number;
  /** Processes that serve callers; 1 (the default) is this one, without any other. */
  readonly workers?: number;
  /** Holds `gateway-routes.json`; made when it does not exist. */
  readonly dataDir: string;
  /** Admin base URLs of gateways that serve the same: what they know is learnt before this one serves. */
  readonly peers?: readonly string[];
  /** How this gateway shows who it is to peers that ask for certificates. */
  readonly peerTls?: ClientTls | undefined;
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

const OPEN_TO_EVERYBODY =
  'EVERYBODY WHO REACHES THIS PORT MAY USE EVERY CLUSTER: it listens beyond this machine and gateway.keys is not set';

/**
 * Starts the data plane; resolves when both ports listen.
 * @throws CodedError `bad-input` for a definition that cannot be; system errors of the ports and the data directory
 */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  mustBeGuarded(options);
  const tell = teller(options);
  const { host, port, settings, clock, dataDir, redisUrl = null } = options;
  const table = await firstTable(options, tell);
  await saveTable(options.dataDir, table);
  const process = randomUUID();
  const workers = options.workers ?? 1;
  const serve = { host, port, settings, dataDir, redisUrl, table, process, startedAtMs: clock(), clock, tell };
  const plane = workers === 1 ? await serveHere(serve) : await serveByWorkers({ ...serve, workers });
  const store = new RouteStore({
    table,
    apply: async (next) => await plane.apply(next),
    save: async (next) => await saveTable(options.dataDir, next),
  });
  const metrics = metricsOf(options, plane);
  const admin = { token: options.adminToken, store, plane, clock, metrics: metrics.page, tell };
  const adminServer = httpServer(
    (req, res) => void serveAdmin(admin, req, res).catch((error: unknown) => tellFault(tell, error)),
    options.adminTls,
  );
  await listenOrClose(adminServer, options, plane);
  tell({ event: 'gateway-started', process, services: Object.keys(table) });
  if (settings.keys === undefined) tellIfOpen(host, tell);
  return {
    url: plane.url,
    adminUrl: urlOf(adminServer, options.adminHost, options.adminTls),
    replaceKeys: (next) => plane.replaceKeys(next),
    async close(graceMs) {
      await Promise.all([plane.close(graceMs), stop(adminServer, graceMs)]);
      metrics.stop();
      await store.settled();
    },
  };
}

function metricsOf({ version = 'unknown', clock }: GatewayOptions, plane: DataPlane): MetricsPage {
  const states = async (): Promise<readonly TrafficState[]> => Object.values(await plane.states(null));
  return openMetrics({ version, startedAtMs: clock(), states });
}

function tellIfOpen(host: string, tell: ServiceDeps['tell']): void {
  if (!isLoopbackHost(host)) tell({ event: 'open-to-everybody', message: OPEN_TO_EVERYBODY });
}

async function listenOrClose(
  adminServer: ReturnType<typeof httpServer>,
  { adminHost, adminPort }: GatewayOptions,
  plane: DataPlane,
): Promise<void> {
  try {
    await listen(adminServer, adminHost, adminPort);
  } catch (error) {
    await plane.close(0);
    throw error;
  }
}

async function firstTable(options: GatewayOptions, tell: ServiceDeps['tell']): Promise<RouteTable> {
  const nowMs = options.clock();
  const read = readTable(options.dataDir, nowMs);
  if (read.kind === 'corrupt') {
    const message = 'THE ROUTE TABLE COULD NOT BE READ: starting from the configuration, with everybody at home';
    tell({ event: 'table-corrupt', message, why: read.why, movedTo: read.movedTo });
  }
  let table: RouteTable = read.kind === 'read' ? read.table : {};
  const { peers = [], adminToken: token, peerTls: tls } = options;
  if (peers.length > 0) table = await catchUp(table, { urls: peers, token, tls }, tell);
  for (const given of options.definitions) {
    if (Object.hasOwn(table, given.service)) continue;
    table = defineService(table, parseOrder(serviceDefinitionSchema, Buffer.from(JSON.stringify(given))), nowMs);
  }
  return table;
}

function teller(options: GatewayOptions): ServiceDeps['tell'] {
  const write = options.audit ?? ((line: string): void => void process.stdout.write(`${line}\n`));
  return (event) => write(JSON.stringify({ at: new Date(options.clock()).toISOString(), ...event }));
}
