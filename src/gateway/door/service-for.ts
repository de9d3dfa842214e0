/** Which of the services that its caller may use a request is for. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Service } from '../service/service.js';
import { chooseService, standsForService } from './choose-service.js';

export interface Wanted {
  readonly all: readonly Service[];
  /** Those of `all` that the caller may use. */
  readonly open: readonly Service[];
  readonly headers: IncomingHttpHeaders;
  /** The service that the path names. */
  readonly path: string | null;
  readonly model: string | null;
}

/** `null` when none fits, or none that is open to the caller. */
export function serviceFor(wanted: Wanted): Service | null {
  const { open, headers, path, model } = wanted;
  const header = headers['x-understudy-service'];
  const name = chooseService(
    open.map((s) => s.route.definition),
    { header: typeof header === 'string' ? header : null, path, model },
  );
  const service = open.find((s) => s.route.definition.service === name) ?? null;
  return service === null || isClosedModel(wanted, service) ? null : service;
}

/** Clusters are shared: an open service would lead to every model of theirs, as an adapter of which we know nothing. */
function isClosedModel({ all, open, model }: Wanted, { route }: Service): boolean {
  if (all.length === open.length || model === null || standsForService(route.definition, model)) return false;
  return all.some((s) => !open.includes(s) && standsForService(s.route.definition, model));
}

export function nothingServes(open: readonly Service[], model: string | null): string {
  const what =
    model === null ? 'the request names no model or service' : `nothing serves the model "${model.slice(0, 200)}"`;
  return `${what}; services: ${open.map((s) => s.route.definition.service).join(', ') || 'none'}`;
}
