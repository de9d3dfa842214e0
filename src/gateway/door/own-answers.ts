/** What the gateway answers by itself, without any cluster: its own health, and which models there are. */
import type { ServerResponse } from 'node:http';
import type { Service } from '../service/service.js';
import type { ApiPath } from './choose-service.js';
import { NOT_READY_BECAUSE, type Readiness } from './readiness.js';
import type { Refusals } from './refusals.js';

export interface HealthAsked {
  readonly url: '/healthz' | '/readyz';
  readonly readiness: Readiness;
  /** How many there are. */
  readonly services: number;
}

/** Whoever asks these (a load balancer) has no key, and learns nothing but whether to come. */
export function sendOwnHealth(res: ServerResponse, { url, readiness, services }: HealthAsked): void {
  if (url === '/healthz') sendJson(res, 200, { status: 'ok' });
  else if (readiness === 'ready') sendJson(res, 200, { status: readiness, services });
  else sendJson(res, 503, { status: readiness, reason: NOT_READY_BECAUSE[readiness], services });
}

export interface ModelsAsked {
  readonly api: { readonly refusals: Refusals; readonly startedAtS: number };
  /** Those that the caller may use. */
  readonly services: readonly Service[];
  readonly target: ApiPath;
  readonly res: ServerResponse;
}

/** Services and the models that they serve; answered here, so that it works when every cluster is down. */
export function sendModels({ api, services, target, res }: ModelsAsked): void {
  const definitions = services
    .map((s) => s.route.definition)
    .filter((d) => target.service === null || d.service === target.service);
  const ids = new Set(definitions.flatMap((d) => [d.service, ...d.members.map((m) => m.model)]));
  const entry = (id: string): object => ({ id, object: 'model', created: api.startedAtS, owned_by: 'understudy' });
  const one = /^\/v1\/models\/([^?]+)/.exec(target.path)?.[1];
  if (one === undefined) {
    sendJson(res, 200, { object: 'list', data: [...ids].map(entry) });
    return;
  }
  const id = [...ids].find((known) => known === one || encodeURIComponent(known) === one);
  if (id !== undefined) sendJson(res, 200, entry(id));
  else {
    const message = `no model "${one.slice(0, 200)}"; known: ${[...ids].join(', ') || 'none'}`;
    api.refusals.send(res, { status: 404, type: 'invalid_request_error', code: 'unknown-model', message });
  }
}

function sendJson(res: ServerResponse, status: number, value: object): void {
  const body = JSON.stringify(value);
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  res.end(body);
}
