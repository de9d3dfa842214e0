/** What the gateway does itself for the Responses API: it puts conversations into requests, and serves kept answers. */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { askedTurn, statelessBody } from '../../domain/conversation/turn.js';
import { isFields } from '../../domain/outside.js';
import { sendError, type CallerError } from '../request/openai-error.js';
import { AnswerKeeper } from './answer-keeper.js';
import { away, saidUpTo, type Conversations, type Owner } from './conversations.js';

export interface ResponsesRequest {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** `/v1/…` with its query. */
  readonly path: string;
  readonly service: string;
  /** Name of the caller's key; `null` where callers need none. */
  readonly caller: string | null;
  /** The parsed body; `null` when there is none. */
  readonly body: unknown;
  /** What keeps the conversation on its cluster, as far as this request says. */
  readonly affinity: string | null;
}

/** A request that goes on to a cluster. */
export interface TurnToSend {
  readonly keeper: AnswerKeeper;
  /** In place of the caller's body; `null`: as it is. */
  readonly body: Buffer | null;
  /** What is kept of it until it is answered, beside the caller's own body. */
  readonly heldBytes: number;
  readonly affinity: string | null;
}

export type Entered =
  | { readonly kind: 'answered'; /** Code of the error, if it was one. */ readonly refused: string | null }
  | { readonly kind: 'passes' }
  | ({ readonly kind: 'turn' } & TurnToSend);

const BEGINS = '/v1/responses';
const COLLECTION = /^\/v1\/responses(?:$|\?)/;
const ONE = /^\/v1\/responses\/([^/?]+)(\/[^?]*)?(?:$|\?)/;

const PASSES: Entered = { kind: 'passes' };

export const isResponsesApi = (path: string): boolean => path.startsWith(BEGINS);

export async function enterResponses(conversations: Conversations, request: ResponsesRequest): Promise<Entered> {
  const { req, path } = request;
  if (req.method === 'POST' && COLLECTION.test(path)) return await beginTurn(conversations, request);
  const one = ONE.exec(path);
  if (one === null) return PASSES;
  const [, id = '', below] = one;
  if (below !== undefined) return refuse(request, notServed(`${req.method ?? ''} ${path.slice(0, 200)}`));
  if (req.method === 'GET') return await serveKept(conversations, request, id);
  return req.method === 'DELETE' ? await deleteKept(conversations, request, id) : PASSES;
}

async function beginTurn(conversations: Conversations, request: ResponsesRequest): Promise<Entered> {
  const { body } = request;
  if (!isFields(body)) return PASSES;
  const asked = askedTurn(body);
  if (asked.kind === 'refused') {
    const { param, message } = asked;
    return refuse(request, { status: 400, type: 'invalid_request_error', code: 'bad-input', param, message });
  }
  const owner = ownerOf(request);
  const first = { kind: 'earlier', items: [], affinity: null } as const;
  const earlier = asked.previousId === null ? first : await conversations.earlier(owner, asked.previousId);
  if (earlier.kind === 'refused') return refuse(request, earlier.error);
  const affinity = request.affinity ?? earlier.affinity;
  const { previousId, keeps } = asked;
  const said = saidUpTo(earlier.items, asked);
  const keeper = new AnswerKeeper(conversations, { owner, asked: { previousId, keeps }, said, affinity });
  const whole = previousId === null ? null : statelessBody(body, earlier.items, asked.input);
  const own = whole === null ? null : Buffer.from(JSON.stringify(whole));
  return { kind: 'turn', keeper, affinity, body: own, heldBytes: (own?.length ?? 0) + (said?.length ?? 0) };
}

async function serveKept(conversations: Conversations, request: ResponsesRequest, id: string): Promise<Entered> {
  try {
    const response = await conversations.response(ownerOf(request), id);
    return response === null ? refuse(request, unknownId(id)) : answer(request.res, response);
  } catch (error) {
    return refuse(request, away(error));
  }
}

async function deleteKept(conversations: Conversations, request: ResponsesRequest, id: string): Promise<Entered> {
  try {
    const deleted = await conversations.forget(ownerOf(request), id);
    return deleted ? answer(request.res, { id, object: 'response', deleted }) : refuse(request, unknownId(id));
  } catch (error) {
    return refuse(request, away(error));
  }
}

/** A caller that we know is its name, whose key may change. Others are told apart by what they send, which is not kept. */
function ownerOf({ req, service, caller }: ResponsesRequest): Owner {
  if (caller !== null) return { service, caller: `name:${caller}` };
  const key = req.headers.authorization ?? '';
  return { service, caller: createHash('sha256').update(key).digest('base64url') };
}

function answer(res: ServerResponse, value: object): Entered {
  const body = JSON.stringify(value);
  res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  res.end(body);
  return { kind: 'answered', refused: null };
}

function refuse({ res }: ResponsesRequest, error: CallerError): Entered {
  sendError(res, error);
  return { kind: 'answered', refused: error.code };
}

const unknownId = (id: string): CallerError => ({
  status: 404,
  type: 'invalid_request_error',
  code: 'not-found',
  message: `Response with id '${id.slice(0, 200)}' not found.`,
});

const notServed = (what: string): CallerError => ({
  status: 404,
  type: 'invalid_request_error',
  code: 'not-found',
  message: `${what} is not served here: kept answers can be read and deleted, no more`,
});
