/**
 * The operator's side, for the controller alone: on a port of its own, with a bearer token or certificates where they are configured.
 * Every change carries an epoch and is answered with the state after it; each is audited as one line.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { messageOf } from '../../domain/describe-error.js';
import { CodedError, type ErrorCode } from '../../domain/errors.js';
import { mediaTypeOf } from '../../domain/media-type.js';
import type { ServiceName } from '../../domain/words.js';
import {
  drainOrderSchema,
  fenceOrderSchema,
  parseOrder,
  serviceDefinitionSchema,
  spillOrderSchema,
  undrainOrderSchema,
  warmOrderSchema,
  weightsOrderSchema,
} from './admin-schema.js';
import { faults } from '../boundary.js';
import type { Doors } from '../doors.js';
import { FOREIGN, type WhoIsForeign } from '../door/foreign.js';
import { saidTwice } from '../door/said-once.js';
import { hasToken, nameOfVisitor } from './admin-visitor.js';
import { METRICS_TYPE } from '../metrics-page.js';
import { tableFile } from '../routes/table-file.js';
import type { DataPlane } from '../data-plane.js';
import { discardRest, readBody } from '../door/request-body.js';
import type { RouteStore } from '../routes/route-store.js';
import {
  defineService,
  drainCluster,
  forgetService,
  routeOf,
  takeFence,
  undrainCluster,
  writeSpill,
  writeWeights,
  type RouteTable,
} from '../routes/route-table.js';
import { mergeHot } from '../service/hot-prefixes.js';
import type { Questions } from '../questions.js';
import { mergeWarmed } from '../service/warm.js';

export interface AdminApi {
  readonly token: string | null;
  /** Which requests may be a web page's. */
  readonly foreign: WhoIsForeign;
  /** Who may come, for `doctor`. */
  readonly doors: Doors;
  readonly store: RouteStore;
  readonly plane: DataPlane;
  readonly clock: () => number;
  /** Prometheus' page. */
  readonly metrics: () => Promise<string>;
  readonly tell: (event: Readonly<Record<string, unknown>>) => void;
}

/** Largest body: a service with 100 members is some 20 KiB. */
const ADMIN_BODY_MAX = 256 * 1024;

/** Beginnings of prompts that are listed. */
const HOT_LISTED_MAX = 64;

const NO_TOKEN =
  'the admin API needs its bearer token; nothing was told or changed. Next: send it as authorization: Bearer <token>; where none was chosen it is in gateway-admin-token of the gateway’s data directory';
const SAID_TWICE = (name: string): string =>
  `the header ${name} came twice; nothing was told or changed. Next: send it once`;

/** What a verb would do to the table, and what it does besides once that is applied. */
interface Order {
  readonly change: (table: RouteTable) => RouteTable;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly after?: () => Promise<unknown>;
  /** What it answers with, in place of the state. */
  readonly answer?: () => Promise<object>;
}

type Verb = (api: AdminApi, service: ServiceName, body: Buffer) => Order;

const VERBS: Readonly<Record<string, Verb>> = {
  'PUT services': (api, service, body) => {
    const definition = parseOrder(serviceDefinitionSchema, body);
    if (definition.service !== service) {
      throw new CodedError('bad-input', `the path says "${service}", the body "${definition.service}"`);
    }
    return { change: (table) => defineService(table, definition, api.clock()), detail: { definition } };
  },
  'DELETE services': (_api, service) => ({ change: (table) => forgetService(table, service), detail: {} }),
  'PUT routes': (api, service, body) => {
    const order = parseOrder(weightsOrderSchema, body);
    const change = (table: RouteTable): RouteTable => writeWeights(table, service, { ...order, nowMs: api.clock() });
    return { change, detail: order };
  },
  'PUT fence': (_api, service, body) => {
    const fence = parseOrder(fenceOrderSchema, body);
    return { change: (table) => takeFence(table, service, fence), detail: fence };
  },
  'PUT spill': (api, service, body) => {
    const { forMs, ...share } = parseOrder(spillOrderSchema, body);
    const untilMs = api.clock() + forMs;
    return { change: (table) => writeSpill(table, service, { ...share, untilMs }), detail: { ...share, forMs } };
  },
  'POST warm': (api, service, body) => {
    const { epoch, step, cluster, ...bounds } = parseOrder(warmOrderSchema, body);
    return {
      change: (table) => takeFence(table, service, { epoch, step }),
      detail: { epoch, step, cluster, ...bounds },
      answer: async () => await warmCluster(api, { service, cluster, ...bounds }),
    };
  },
  'POST drain': (api, service, body) => {
    const { rehome, handOver, ...order } = parseOrder(drainOrderSchema, body);
    const { cluster } = order;
    return {
      change: (table) => drainCluster(table, service, order),
      detail: { ...order, rehome, handOver },
      after: async () => await api.plane.ask('leave', { service, cluster, rehome, handOver }),
    };
  },
  'POST undrain': (_api, service, body) => {
    const order = parseOrder(undrainOrderSchema, body);
    return { change: (table) => undrainCluster(table, service, order), detail: order };
  },
};

const PAGES: Readonly<Record<string, (api: AdminApi, res: ServerResponse) => void | Promise<void>>> = {
  '/healthz': (_api, res) => send(res, 200, { status: 'ok' }),
  '/metrics': async (api, res) => sendText(res, METRICS_TYPE, await api.metrics()),
  '/state': async (api, res) => send(res, 200, await everything(api)),
  '/table': ({ store }, res) => send(res, 200, tableFile(store.table)),
};

/** Serves one request of the admin side; never rejects. */
export async function serveAdmin(api: AdminApi, req: IncomingMessage, res: ServerResponse): Promise<void> {
  try {
    const foreign = api.foreign(req);
    if (foreign !== null) {
      await discardRest(req, res);
      send(res, 403, FOREIGN[foreign]);
      return;
    }
    const twice = saidTwice(req.rawHeaders);
    if (twice !== null) {
      await discardRest(req, res);
      send(res, 400, { code: 'bad-input', message: SAID_TWICE(twice) });
      return;
    }
    if (!hasToken(api.token, req.headers.authorization)) {
      await discardRest(req, res);
      send(res, 401, { code: 'unauthorized', message: NO_TOKEN });
      return;
    }
    await answer(api, req, res);
  } catch (error) {
    faults.guard('admin', () => sendFailure(api, { req, res }, error));
  }
}

async function answer(api: AdminApi, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { path, noun, service } = target(req);
  const method = req.method ?? '';
  const verb = VERBS[`${method} ${noun}`];
  const look = Object.hasOwn(LOOKS, noun) ? LOOKS[noun] : undefined;
  if (service !== null && verb !== undefined) await change(api, { verb, service }, req, res);
  else if (method === 'GET' && Object.hasOwn(PAGES, path)) await PAGES[path]?.(api, res);
  else if (method === 'GET' && look !== undefined && service !== null) send(res, 200, await look(api, service));
  else {
    const message = `${method} ${path.slice(0, 200)} is not a verb of the admin API`;
    await discardRest(req, res);
    send(res, 404, { code: 'not-found', message });
  }
}

/** `/noun/service`; a path with more or fewer segments names no service. */
function target(req: IncomingMessage): { path: string; noun: string; service: ServiceName | null } {
  const [path = ''] = (req.url ?? '').split('?');
  const [, noun = '', name, ...more] = path.split('/');
  return { path, noun, service: name === undefined || name === '' || more.length > 0 ? null : decode(name) };
}

async function change(
  api: AdminApi,
  asked: { readonly verb: Verb; readonly service: ServiceName },
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  // A page may send plain text and forms anywhere, but not JSON without asking first.
  if (req.method !== 'DELETE' && mediaTypeOf(req.headers['content-type']) !== 'application/json') {
    await discardRest(req, res);
    send(res, 415, { code: 'bad-input', message: 'a change must be sent as application/json; nothing was changed' });
    return;
  }
  const read = await readBody(req, { bytesMax: ADMIN_BODY_MAX });
  if (read.kind === 'gone') return;
  if (read.kind !== 'read') {
    await discardRest(req, res);
    const [status, what] =
      read.kind === 'too-large' ? [413, `is larger than ${ADMIN_BODY_MAX} bytes`] : [408, 'is slow'];
    send(res, status, { code: 'bad-input', message: `the body ${what}` });
    return;
  }
  const { service } = asked;
  const order = asked.verb(api, service, read.body);
  const epochOf = (): number | null => api.store.table[service]?.epoch ?? null;
  const epochBefore = epochOf();
  await api.store.change(order.change);
  await order.after?.();
  const who = { by: nameOfVisitor(req, api.token), from: req.socket.remoteAddress ?? 'unknown' };
  const verb = `${req.method ?? ''} ${req.url ?? ''}`;
  api.tell({ event: 'route-changed', verb, service, ...who, epochBefore, epochAfter: epochOf(), ...order.detail });
  if (order.answer !== undefined) send(res, 200, await order.answer());
  else send(res, 200, (await api.plane.states(service))[service] ?? {});
}

/** What a worker needs beyond the time that the cluster has, ms. */
const WARM_SPARE_MS = 1_000;

/** @throws CodedError `unknown-cluster` */
async function warmCluster(api: AdminApi, order: Questions['warm']['argument']): Promise<object> {
  const { service, cluster, timeoutMs } = order;
  const { members } = routeOf(api.store.table, service).definition;
  if (!members.some((m) => m.cluster === cluster))
    throw new CodedError('unknown-cluster', `${service} has no cluster "${cluster}"`);
  return mergeWarmed(await api.plane.ask('warm', order, timeoutMs + WARM_SPARE_MS));
}

async function hotOf(api: AdminApi, service: ServiceName): Promise<object> {
  routeOf(api.store.table, service);
  return { prefixes: mergeHot(await api.plane.ask('hot', { service, max: HOT_LISTED_MAX }), HOT_LISTED_MAX) };
}

/** What may be asked of one service. */
const LOOKS: Readonly<Record<string, ((api: AdminApi, service: ServiceName) => Promise<object>) | undefined>> = {
  state: stateOf,
  hot: hotOf,
};

async function everything(api: AdminApi): Promise<object> {
  const { workers } = api.plane;
  return { services: await api.plane.states(null), doors: api.doors, ...(workers === null ? {} : { workers }) };
}

async function stateOf(api: AdminApi, service: ServiceName): Promise<object> {
  routeOf(api.store.table, service);
  return (await api.plane.states(service))[service] ?? {};
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (error) {
    throw new CodedError('bad-input', 'the path is not properly encoded', { cause: error });
  }
}

const STATUS: Partial<Record<ErrorCode, number>> = {
  'bad-input': 400,
  'unknown-cluster': 400,
  'unknown-service': 404,
  'stale-epoch': 409,
  'epoch-too-far': 422,
  'layer-unreachable': 503,
};

function sendFailure(
  api: AdminApi,
  { req, res }: { readonly req: IncomingMessage; readonly res: ServerResponse },
  error: unknown,
): void {
  const code: ErrorCode = error instanceof CodedError ? error.code : 'invariant';
  if (code === 'invariant') faults.caught('admin', error);
  const message =
    code === 'invariant'
      ? 'a bug in the gateway ended this request, and no other; its log says where'
      : messageOf(error);
  // A writer that is fenced out should learn by whom.
  const epoch = code === 'stale-epoch' ? api.store.table[target(req).service ?? '']?.epoch : undefined;
  send(res, STATUS[code] ?? 500, epoch === undefined ? { code, message } : { code, message, epoch });
}

function send(res: ServerResponse, status: number, value: object): void {
  if (res.headersSent || res.destroyed) return;
  const body = JSON.stringify(value);
  // No page can have it read as a script, whatever browser it runs in.
  const headers = { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' };
  res.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
  res.end(body);
}

function sendText(res: ServerResponse, type: string, text: string): void {
  res.writeHead(200, { 'content-type': type, 'content-length': Buffer.byteLength(text) });
  res.end(text);
}
