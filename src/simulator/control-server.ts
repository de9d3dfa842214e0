/**
 * Faults by HTTP, on a port of its own and on loopback only: GET /state, GET /fault, POST /fault, DELETE /fault[?kind=].
 * It lives in the host, so it answers while the serving child is dead or stopped.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { CodedError } from '../domain/errors.js';
import type { ActiveFault, Fault, FaultKind } from './faults.js';
import { knownKind, parseFaultOrder } from './fault-order.js';
import { isForeign } from './foreign.js';
import { ApiError, answerJson, readJson } from './http-answers.js';
import { mediaTypeOf } from '../domain/media-type.js';

const BODY_BYTES_MAX = 64 * 1024;

export interface ClusterState {
  readonly cluster: string;
  readonly url: string;
  /** Process id of the serving child; `null` while it is down. */
  readonly servingPid: number | null;
  readonly frozen: boolean;
  readonly faults: readonly ActiveFault[];
}

export interface Controlled {
  state(): ClusterState;
  putFault(fault: Fault, durationMs: number | null): Promise<ActiveFault>;
  clearFaults(kind: FaultKind | null): Promise<readonly FaultKind[]>;
}

export function createControlServer(cluster: Controlled): Server {
  return createServer((req, res) => {
    void answer(cluster, req, res);
  });
}

async function answer(cluster: Controlled, req: IncomingMessage, res: ServerResponse): Promise<void> {
  try {
    if (isForeign(req)) throw new ApiError(403, 'bad-input', 'only programs of this machine may order faults');
    const url = new URL(req.url ?? '/', 'http://localhost');
    await route(cluster, req, res, url);
  } catch (error) {
    if (error instanceof CodedError) answerJson(res, 400, { code: error.code, message: error.message });
    else if (error instanceof ApiError)
      answerJson(res, error.status, { code: 'bad-input', message: error.message }, error.headers);
    else answerJson(res, 500, { code: 'invariant', message: 'the fault could not be applied' });
  }
}

async function route(cluster: Controlled, req: IncomingMessage, res: ServerResponse, url: URL): Promise<void> {
  switch (`${req.method ?? 'GET'} ${url.pathname}`) {
    case 'GET /state':
    case 'GET /fault':
      answerJson(res, 200, cluster.state());
      return;
    case 'POST /fault': {
      // A web page may send plain text anywhere, but not JSON without asking first.
      if (mediaTypeOf(req.headers['content-type']) !== 'application/json')
        throw new ApiError(415, 'bad-input', 'send application/json');
      const { fault, durationMs } = parseFaultOrder(await readJson(req, BODY_BYTES_MAX));
      answerJson(res, 200, { fault: await cluster.putFault(fault, durationMs) });
      return;
    }
    case 'DELETE /fault':
      answerJson(res, 200, { cleared: await cluster.clearFaults(kindOf(url)) });
      return;
    default:
      throw new ApiError(404, 'bad-input', 'there are GET /state, GET /fault, POST /fault and DELETE /fault[?kind=]');
  }
}

function kindOf(url: URL): FaultKind | null {
  const name = url.searchParams.get('kind');
  if (name === null) return null;
  return knownKind(name);
}
