/** Serves callers in this process: the services at run time, the connections to their clusters, and the public port. */
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { GatewaySettings } from '../domain/fleet.js';
import type { ServiceName } from '../domain/words.js';
import { faults } from './boundary.js';
import { openAccounts, type Accounts } from './account/accounts.js';
import { Conversations } from './conversations/conversations.js';
import { openConversationStore } from './conversations/open-store.js';
import type { DataPlane } from './data-plane.js';
import { ConnectionLimit, connectionsFor, descriptorLimit } from './door/connection-limit.js';
import { whoIsForeign } from './door/foreign.js';
import { KeyRing, replaceKeys } from './door/key-ring.js';
import type { Readiness } from './door/readiness.js';
import { HeldMemory, heldBytesDefault } from './held-memory.js';
import { httpServer, listen, stop, urlOf, type Listener } from './http-server.js';
import { serveCaller, type PublicApi } from './door/public-api.js';
import { Refusals } from './door/refusals.js';
import { ProcessGauge } from './process-figures.js';
import { answersOf } from './questions.js';
import { endFaulted, gatewayFull } from './request/caller-words.js';
import type { Endable } from './request/untimely-end.js';
import { Roll } from './roll.js';
import type { RouteTable } from './routes/route-table.js';
import { Service, type ServiceDeps } from './service/service.js';
import { Upstreams } from './upstream/upstreams.js';
import type { WatchedResponse } from './watched-response.js';

export interface ServeOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly settings: GatewaySettings;
  /** Where conversations are kept on disk; several processes may share it. */
  readonly dataDir: string;
  /** URL of the Redis server, where the settings want one. */
  readonly redisUrl: string | null;
  readonly table: RouteTable;
  /** `catching-up`: nobody is served before the first table is applied. */
  readonly readiness: Readiness;
  /** Identity under which is counted. */
  readonly process: string;
  /** Wall clock, ms: `created` of the models. */
  readonly startedAtMs: number;
  /** Wall clock, ms. */
  readonly clock: () => number;
  readonly tell: ServiceDeps['tell'];
}

/** Resolves when the public port listens. */
export async function serveHere(options: ServeOptions): Promise<DataPlane> {
  const { settings, clock, tell } = options;
  faults.tellTo(tell);
  const upstreams = new Upstreams(settings.connectTimeoutMs);
  const services = new Map<ServiceName, Service>();
  const deps: ServiceDeps = { process: options.process, upstreams, clock, tell };
  applyTable(options.table, services, deps);
  const keys = settings.keys === undefined ? null : new KeyRing(settings.keys, performance.now());
  const accounts = await openAccounts({ accessLog: settings.accessLog, clock, tell });
  const conversations = openConversations(options);
  let readiness = options.readiness;
  const exchanges = new Roll<Endable>();
  const [refusals, gauge] = [new Refusals(), new ProcessGauge()];
  let running: readonly Service[] = [...services.values()];
  const api = {
    ...{ settings, keys },
    services: () => running,
    readiness: () => readiness,
    foreign: whoIsForeign({ host: options.host, hosts: settings.hosts }),
    running: exchanges,
    memory: new HeldMemory(settings.heldBytesMax ?? heldBytesDefault(settings.bodyBytesMax, 1)),
    refusals,
    conversations,
    startedAtS: Math.floor(options.startedAtMs / 1_000),
  };
  const server = serverOf(api, listenerOf(api, accounts));
  await listen(server, options.host, options.port);
  const announceEnd = (): void => {
    readiness = 'closing';
  };
  const answers = answersOf(services, {
    announceEnd,
    figures: () => ({ ...gauge.read(refusals.byReason), heldBytes: api.memory.bytes }),
    replaceKeys: (next) => replaceKeys(keys, next, tell),
  });
  return {
    url: urlOf(server, options.host),
    workers: null,
    apply: (table) => {
      applyTable(table, services, deps);
      running = [...services.values()];
      if (readiness === 'catching-up') readiness = 'ready';
      return Promise.resolve();
    },
    states: async (only) => await answers.states(only),
    ask: async (name, argument) => [await answers[name](argument)],
    replaceKeys: (next) => void answers.replaceKeys(next ?? null),
    announceEnd: async () => void (await answers.announceEnd(null)),
    close: async (graceMs) => {
      announceEnd();
      await stop(server, graceMs, () => {
        for (const exchange of exchanges.list()) exchange.end();
      });
      gauge.stop();
      await accounts?.close();
      await conversations?.close();
      upstreams.destroy();
    },
  };
}

function listenerOf(api: PublicApi, accounts: Accounts | null): Listener {
  return (req, res) => {
    try {
      const served =
        accounts === null
          ? serveCaller(api, req, res)
          : accounts.serve(req, res, (account) => serveCaller(api, req, res, account));
      served.catch((error: unknown) => faulted(res, error));
    } catch (error) {
      faulted(res, error);
    }
  };
}

/** The boundary of all that callers send. */
function faulted(res: WatchedResponse, error: unknown): void {
  faults.caught('request', error);
  faults.guard('request', () => endFaulted(res));
}

function serverOf(api: PublicApi, listener: Listener): ReturnType<typeof httpServer> {
  const limit = new ConnectionLimit(api.settings.maxConnections ?? connectionsFor(descriptorLimit()));
  const server = httpServer(limited(limit, api, listener));
  return server.on('connection', (socket: Socket) => limit.came(socket));
}

/** Whoever asks for health hears it where there is no room for anybody else. */
function limited(limit: ConnectionLimit, { refusals, settings }: PublicApi, listener: Listener): Listener {
  return (req, res) => {
    res.unreadMs = settings.callerTimeoutMs ?? res.unreadMs;
    if (limit.begins(req, res) || req.url === '/healthz' || req.url === '/readyz') listener(req, res);
    else {
      res.setHeader('connection', 'close');
      refusals.send(res, gatewayFull);
    }
  };
}

function openConversations({ settings, dataDir, redisUrl, clock, tell }: ServeOptions): Conversations | null {
  const store = openConversationStore(settings.conversations, { dataDir, redisUrl, clock });
  return store === null ? null : new Conversations(store, tell);
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
