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
import { jsonLine } from '../domain/printable.js';
import type { ServiceDefinition, TrafficState } from '../domain/traffic.js';
import { faults } from './boundary.js';
import { serveAdmin } from './admin/admin-api.js';
import { adminServer } from './admin/admin-server.js';
import { mustBeGuarded } from './admin/admin-door.js';
import { parseOrder, serviceDefinitionSchema } from './admin/admin-schema.js';
import { checkConversationFile } from './conversations/open-store.js';
import type { DataPlane } from './data-plane.js';
import { whoIsForeign } from './door/foreign.js';
import { doorsOf } from './doors.js';
import type { Readiness } from './door/readiness.js';
import { catchUp } from './routes/catch-up.js';
import { ProcessGauge } from './process-figures.js';
import { pageOf, type LabelledProcess, type MetricsSource } from './process-metrics.js';
import { heldBytesDefault } from './held-memory.js';
import { listen, stop, urlOf } from './http-server.js';
import { RouteStore } from './routes/route-store.js';
import { defineService, type RouteTable } from './routes/route-table.js';
import { serveHere } from './serve-here.js';
import type { ServiceDeps } from './service/service.js';
import { savedOrTold, saveLater } from './routes/save-later.js';
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
  /** `/readyz` says from now on that this gateway goes; callers are served all the same. */
  announceEnd(): Promise<void>;
  /** No new connections; requests that run may go on for `graceMs`, then they are ended with an error that says so. */
  close(graceMs: number): Promise<void>;
}

const OPEN_TO_EVERYBODY =
  'EVERYBODY WHO REACHES THIS PORT MAY USE EVERY CLUSTER: it listens beyond this machine and gateway.keys is not set';

/** A moment for answers of the admin side; whoever asks once more is too late. */
const ADMIN_GRACE_MS = 1_000;

/**
 * Starts the data plane; resolves when both ports listen and callers are served.
 * @throws CodedError `bad-input` for a definition that cannot be, `bad-config` for a store or a log that cannot be opened,
 * `port-taken`; other system errors of the ports and the data directory
 */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  mustBeGuarded(options);
  const tell = teller(options);
  faults.tellTo(tell);
  const { clock, host, settings } = options;
  const process = randomUUID();
  tellIfDamaged(options, tell);
  const { plane, table, isSaved } = await openPlane(options, process, tell);
  const store = new RouteStore({
    table,
    apply: async (next) => await plane.apply(next),
    save: async (next) => await saveTable(options.dataDir, next),
  });
  const stopSaving = isSaved ? () => undefined : saveLater(store, tell);
  const gauge = new ProcessGauge();
  const metrics = metricsOf(options.version ?? 'unknown', plane, gauge);
  const admin = {
    token: options.adminToken,
    foreign: whoIsForeign({ host: options.adminHost }),
    doors: doorsOf(options),
    ...{ store, plane, clock, tell },
    metrics: async () => await pageOf(metrics),
  };
  const server = adminServer((req, res) => void serveAdmin(admin, req, res), options.adminTls);
  await listenOrClose(server, options, plane);
  tell({ event: 'gateway-started', process, services: Object.keys(table) });
  if (settings.keys === undefined) tellIfOpen(host, tell);
  return {
    url: plane.url,
    adminUrl: urlOf(server, options.adminHost, options.adminTls),
    replaceKeys: (next) => plane.replaceKeys(next),
    announceEnd: async () => await plane.announceEnd(),
    async close(graceMs) {
      // Those who operate it see what still runs, to the end.
      await plane.close(graceMs);
      await stop(server, Math.min(graceMs, ADMIN_GRACE_MS));
      gauge.stop();
      stopSaving();
      await store.settled();
    },
  };
}

function tellIfDamaged({ settings, dataDir, clock }: GatewayOptions, tell: ServiceDeps['tell']): void {
  const aside = checkConversationFile(settings.conversations, dataDir, clock());
  if (aside === null) return;
  const done = aside.movedTo === null ? 'emptied, for it could not be moved aside' : 'moved aside';
  const message = `the file of conversations was cut short or is none; it was ${done}, and none of them can go on`;
  tell({ event: 'conversations-damaged', message, ...aside });
}

function metricsOf(version: string, plane: DataPlane, own: ProcessGauge): MetricsSource {
  const states = async (): Promise<readonly TrafficState[]> => Object.values(await plane.states(null));
  const processes = async (): Promise<readonly LabelledProcess[]> => {
    const serving = await plane.ask('figures', null);
    if (plane.workers === null) return serving.map((figures) => ({ labels: {}, figures }));
    const workers = serving.map((figures) => ({ labels: { process: `worker-${figures.pid}` }, figures }));
    return [{ labels: { process: 'parent' }, figures: own.read() }, ...workers];
  };
  return { version, states, processes };
}

function tellIfOpen(host: string, tell: ServiceDeps['tell']): void {
  if (!isLoopbackHost(host)) tell({ event: 'open-to-everybody', message: OPEN_TO_EVERYBODY });
}

async function listenOrClose(
  server: ReturnType<typeof adminServer>,
  { adminHost, adminPort }: GatewayOptions,
  plane: DataPlane,
): Promise<void> {
  try {
    await listen(server, adminHost, adminPort);
  } catch (error) {
    await plane.close(0);
    throw error;
  }
}

/** Where there are peers, the port is open before their table is here: so that whoever asks hears why nobody is served. */
async function openPlane(
  options: GatewayOptions,
  process: string,
  tell: ServiceDeps['tell'],
): Promise<{ readonly plane: DataPlane; readonly table: RouteTable; readonly isSaved: boolean }> {
  const { host, port, clock, dataDir, redisUrl = null, workers = 1, peers = [] } = options;
  const { bodyBytesMax, heldBytesMax = heldBytesDefault(bodyBytesMax, workers) } = options.settings;
  const settings = { ...options.settings, heldBytesMax };
  const { adminToken: token, peerTls: tls } = options;
  const known = ownTable(options, tell);
  const save = async (table: RouteTable): Promise<boolean> =>
    await savedOrTold(async () => await saveTable(dataDir, table), tell);
  const begin = async (table: RouteTable, readiness: Readiness): Promise<DataPlane> => {
    const startedAtMs = clock();
    const serve = { host, port, settings, dataDir, redisUrl, table, readiness, process, startedAtMs, clock, tell };
    return workers === 1 ? await serveHere(serve) : await serveByWorkers({ ...serve, workers });
  };
  if (peers.length === 0) {
    const table = withConfigured(known, options);
    return { isSaved: await save(table), plane: await begin(table, 'ready'), table };
  }
  await save(known);
  const plane = await begin(known, 'catching-up');
  try {
    const table = withConfigured(await catchUp(known, { urls: peers, token, tls }, tell), options);
    const isSaved = await save(table);
    await plane.apply(table);
    return { plane, table, isSaved };
  } catch (error) {
    await plane.close(0);
    throw error;
  }
}

function ownTable(options: GatewayOptions, tell: ServiceDeps['tell']): RouteTable {
  const read = readTable(options.dataDir, options.clock());
  if (read.kind === 'corrupt') {
    const message = 'THE ROUTE TABLE COULD NOT BE READ: starting from the configuration, with everybody at home';
    tell({ event: 'table-corrupt', message, why: read.why, movedTo: read.movedTo });
  }
  return read.kind === 'read' ? read.table : {};
}

/** With the services of the configuration that the table does not know. @throws CodedError `bad-input` */
function withConfigured(known: RouteTable, { definitions, clock }: GatewayOptions): RouteTable {
  let table = known;
  for (const given of definitions) {
    if (Object.hasOwn(table, given.service)) continue;
    table = defineService(table, parseOrder(serviceDefinitionSchema, Buffer.from(JSON.stringify(given))), clock());
  }
  return table;
}

function teller(options: GatewayOptions): ServiceDeps['tell'] {
  const write = options.audit ?? ((line: string): void => void process.stdout.write(`${line}\n`));
  return (event) => write(jsonLine({ at: new Date(options.clock()).toISOString(), ...event }));
}
