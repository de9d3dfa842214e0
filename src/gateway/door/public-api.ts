/** The callers' side: reads a request, finds its service, and lets an exchange answer it. */
import type { IncomingMessage } from 'node:http';
import { PRIORITIES, priorityOf, type Priority } from '../../domain/admission/priority.js';
import { prefixKey } from '../../domain/conversation/prefix-key.js';
import type { GatewaySettings } from '../../domain/fleet.js';
import type { Forwarded } from '../request/attempt-order.js';
import {
  apiPath,
  askedOf,
  choicesApiOf,
  standsForService,
  streamKindOf,
  withModel,
  type ApiPath,
  type Asked,
} from './choose-service.js';
import type { Account } from '../account/account.js';
import { AnswerSeen } from '../account/answer-seen.js';
import type { Caller } from './caller.js';
import type { Conversations } from '../conversations/conversations.js';
import { enterResponses, isResponsesApi, type TurnToSend } from '../conversations/responses-api.js';
import { memoryFull } from '../request/caller-words.js';
import { exchange } from '../request/exchange.js';
import { PRIORITY_HEADER, requestHeaders } from '../request/headers.js';
import { FOREIGN, type WhoIsForeign } from './foreign.js';
import type { HeldMemory, RequestMemory } from '../held-memory.js';
import { withFormModel, type NamedModel } from './form-model.js';
import type { KeyRing } from './key-ring.js';
import type { Endable } from '../request/untimely-end.js';
import type { Roll } from '../roll.js';
import { offered } from './offered.js';
import { sendModels, sendOwnHealth } from './own-answers.js';
import { catchingUp, type Readiness } from './readiness.js';
import { letIn } from './let-in.js';
import { meterTokens } from './meter-tokens.js';
import type { Refusals } from './refusals.js';
import { saidTwice } from './said-once.js';
import type { CallerError } from '../request/openai-error.js';
import { parseBody } from './parse-body.js';
import { nothingServes, serviceFor } from './service-for.js';
import { itsTurn } from './pipelining.js';
import { discardRest, readBody, tooSlow } from './request-body.js';
import type { Service } from '../service/service.js';
import type { WatchedResponse } from '../watched-response.js';
import { Transcript } from '../continuation/transcript.js';

export interface PublicApi {
  readonly settings: GatewaySettings;
  readonly services: () => readonly Service[];
  /** `null`: callers need no key. */
  readonly keys: KeyRing | null;
  readonly readiness: () => Readiness;
  /** Which requests may be a web page's. */
  readonly foreign: WhoIsForeign;
  /** The exchanges that run, for when the grace of a closing gateway is over. */
  readonly running: Roll<Endable>;
  readonly memory: HeldMemory;
  readonly refusals: Refusals;
  /** `null`: none are kept. */
  readonly conversations: Conversations | null;
  /** Seconds since 1970: `created` of the models. */
  readonly startedAtS: number;
}

/** A request of the API that was let in. */
interface Visit {
  readonly api: PublicApi;
  /** `null`: nobody wants one. */
  readonly account: Account | null;
  /** Who calls; `null` where callers need no key. */
  readonly caller: Caller | null;
  /** Those that the caller may use. */
  readonly services: readonly Service[];
  readonly target: ApiPath;
  readonly req: IncomingMessage;
  readonly res: WatchedResponse;
}

/** Serves one request of the public side; never rejects. */
export function serveCaller(
  api: PublicApi,
  req: IncomingMessage,
  res: WatchedResponse,
  account: Account | null = null,
): Promise<void> {
  if (res.socket !== null) return serveNow(api, req, res, account);
  return itsTurn(req, res).then(() => serveNow(api, req, res, account));
}

function serveNow(api: PublicApi, req: IncomingMessage, res: WatchedResponse, account: Account | null): Promise<void> {
  const url = req.url ?? '/';
  const twice = saidTwice(req.rawHeaders);
  if (twice !== null) return turnAway({ api, req, res }, ambiguous(twice));
  const foreign = api.foreign(req);
  if (foreign !== null) return turnAway({ api, req, res }, refusedPage(foreign));
  const readiness = api.readiness();
  if (readiness === 'closing') res.setHeader('connection', 'close');
  if (url === '/healthz' || url === '/readyz') {
    sendOwnHealth(res, { url, readiness, services: api.services().length });
    return DONE;
  }
  return serveApi(api, req, res, account);
}

/** What is neither a page's nor asked for our own health. */
function serveApi(api: PublicApi, req: IncomingMessage, res: WatchedResponse, account: Account | null): Promise<void> {
  const url = req.url ?? '/';
  const readiness = api.readiness();
  const target = apiPath(url);
  if (target === null) {
    const message = `${req.method ?? ''} ${url.slice(0, 200)} is not served here; the API begins with /v1/, and each path of it has one spelling`;
    return turnAway({ api, req, res }, { status: 404, type: 'invalid_request_error', code: 'not-found', message });
  }
  const may = offered(req.method ?? '', target.path, api.settings.managementRoutes);
  if (may.kind === 'of-operators') return turnAway({ api, req, res }, ofOperators);
  if (may.kind === 'bad-method') {
    const methods = may.methods.join(', ');
    res.setHeader('allow', methods);
    const message = `${req.method ?? ''} is not served here; nothing was done. Next: use one of ${methods}`;
    return turnAway({ api, req, res }, { status: 405, type: 'invalid_request_error', code: 'bad-method', message });
  }
  if (readiness === 'catching-up') return turnAway({ api, req, res }, catchingUp);
  const found = api.keys === null ? EVERYBODY : letIn(api.keys, req, res);
  if (found.kind === 'refused') return turnAway({ api, req, res }, found.error);
  const { caller } = found;
  return serveVisit({ api, account, caller, services: openTo(api, caller), target, req, res });
}

const ofOperators: CallerError = {
  status: 403,
  type: 'invalid_request_error',
  code: 'of-operators',
  message:
    'this changes or shows a cluster itself, which is no caller’s. Nothing was done. Next: send it to the cluster, at its own address',
};

const ambiguous = (name: string): CallerError => ({
  status: 400,
  type: 'invalid_request_error',
  code: 'bad-input',
  message: `the header ${name} came twice. Nothing was done. Next: send it once`,
});

const refusedPage = (why: keyof typeof FOREIGN): CallerError => ({
  status: 403,
  type: 'invalid_request_error',
  ...FOREIGN[why],
});

/** Who comes where no keys are needed. */
const EVERYBODY = { kind: 'caller', caller: null } as const;

async function turnAway({ api, req, res }: Pick<Visit, 'api' | 'req' | 'res'>, error: CallerError): Promise<void> {
  await discardRest(req, res);
  api.refusals.send(res, error);
}

const openTo = (api: PublicApi, caller: Caller | null): readonly Service[] =>
  caller === null ? api.services() : caller.servicesOf(api.services());

/** From here on nothing waits for the answer but the exchange: what waits keeps all that it knew for as long. */
function serveVisit(visit: Visit): Promise<void> {
  const { account, caller, target, req } = visit;
  if (account !== null) account.caller = caller?.name ?? null;
  if (req.method === 'POST' || !/^\/v1\/models(?:$|[/?])/.test(target.path)) return forward(visit);
  sendModels(visit);
  return DONE;
}

const DONE = Promise.resolve();

function forward(visit: Visit): Promise<void> {
  const { api, req } = visit;
  const { bodyBytesMax, callerTimeoutMs } = api.settings;
  const memory = api.memory.of(visit.caller?.name ?? null, visit.res);
  return readBody(req, { bytesMax: bodyBytesMax, memory, silentMs: callerTimeoutMs }).then((read) => {
    if (read.kind === 'read') return understand(visit, memory, read.body);
    if (read.kind === 'gone') return undefined;
    if (read.kind === 'too-slow') return turnAway(visit, tooSlow);
    if (read.kind === 'no-room') return turnAway(visit, memoryFull);
    const message = `the body is larger than ${bodyBytesMax} bytes`;
    return turnAway(visit, { status: 413, type: 'invalid_request_error', code: 'body-too-large', message });
  });
}

/** Finds out what is asked and of which service, and has it answered; or refuses it. */
function understand(visit: Visit, memory: RequestMemory, body: Buffer): Promise<void> {
  const { api, req, res } = visit;
  const parsed = parseBody(req, visit.target.path, body);
  if (parsed.kind === 'refused') return refuse(visit, parsed.status, parsed.message);
  const asked = askedOf(parsed.value, req.headers);
  const claimed = priorityOf(req.headers[PRIORITY_HEADER]);
  if (claimed === null) return refuse(visit, 400, `${PRIORITY_HEADER} is one of ${PRIORITIES.join(', ')}`);
  const service = serviceFor({
    all: api.services(),
    open: visit.services,
    headers: req.headers,
    path: visit.target.service,
    model: asked.model,
  });
  if (service === null) {
    api.refusals.send(res, {
      status: 404,
      type: 'invalid_request_error',
      code: 'unknown-service',
      message: nothingServes(visit.services, asked.model),
    });
    return DONE;
  }
  visit.account?.asked(service.route.definition.service, asked);
  const priority = visit.caller?.priorityFor(claimed) ?? claimed;
  const { account, caller, services, target } = visit;
  const { value, form } = parsed;
  // Spread, it would cost as much as all of the body's parsing.
  // prettier-ignore
  return send({ api, account, caller, services, target, req, res, service, asked, priority, memory, body, form, parsed: value });
}

/** A request that is understood, with the service that it is for. */
interface Understood extends Visit {
  readonly service: Service;
  readonly asked: Asked;
  readonly priority: Priority;
  readonly memory: RequestMemory;
  readonly body: Buffer;
  /** Of an upload that names its model. */
  readonly form: NamedModel | null;
  readonly parsed: unknown;
}

function send(understood: Understood): Promise<void> {
  const key = keyOf(understood);
  return isResponsesApi(understood.target.path) ? sendTurn(understood, key) : pass(understood, key, null);
}

/** Not async: that would keep the parsed body for as long as the answer takes, many times its text. */
function sendTurn(understood: Understood, key: string | null): Promise<void> {
  return turnOf(understood, key).then((turn) => {
    if (turn === 'answered') return undefined;
    if (understood.memory.take(turn?.heldBytes ?? 0)) return pass(understood, key, turn);
    understood.api.refusals.send(understood.res, memoryFull);
    return undefined;
  });
}

/** `key`: what keeps the request's conversation on its cluster, unless its `turn` says otherwise. */
function pass(understood: Understood, key: string | null, turn: TurnToSend | null): Promise<void> {
  const { api, target, res, service, asked, priority, memory, body, form, parsed } = understood;
  const { definition } = service.route;
  const spoken = choicesApiOf(target.path);
  const content = turn?.body ?? body;
  meter(understood, content.length);
  const { model } = asked;
  const translates = model !== null && standsForService(definition, model);
  const choices = asked.stream ? spoken : null;
  const served = exchange({
    service,
    request: forwarded(understood),
    bodyFor: (own) => bodyAs(content, form, translates && own !== model ? own : null),
    key: turn?.affinity ?? key,
    account: understood.account,
    priority,
    owner: understood.caller?.name ?? null,
    res,
    running: api.running,
    memory,
    limits: api.settings,
    transcript:
      choices === null
        ? null
        : new Transcript({ api: choices, body, parsed, translates, continueBy: definition.continueBy }),
    keeper: turn?.keeper ?? null,
  });
  service.hot.note(spoken, parsed); // when the cluster has been asked: nobody waits for it
  return served;
}

function meter({ account, caller, res, target, asked, parsed }: Understood, bytes: number): void {
  if (caller === null || caller.tokens.perMinute === null) return;
  const isText = streamKindOf(target.path) !== 'opaque';
  const seen = account?.seen ?? new AnswerSeen(res, { reasons: false });
  meterTokens({ caller, res, seen, request: parsed, answers: asked.choices, bytes, isText });
}

function refuse({ api, res }: Visit, status: number, message: string): Promise<void> {
  api.refusals.send(res, { status, type: 'invalid_request_error', code: 'bad-input', message });
  return DONE;
}

/** `model`: the name by which the cluster knows it, when that is another one. */
function bodyAs(body: Buffer, form: NamedModel | null, model: string | null): Buffer | null {
  if (body.length === 0) return null;
  if (model === null) return body;
  return form === null ? withModel(body, model) : withFormModel(body, form, model);
}

/** What keeps the request's conversation on its cluster: the name that its caller gave it, else how it begins. */
function keyOf({ target, asked, parsed }: Understood): string | null {
  return asked.key ?? prefixKey(isResponsesApi(target.path) ? 'responses' : choicesApiOf(target.path), parsed);
}

/** The conversation's part in a request of the Responses API; `null` when it has none. */
async function turnOf(understood: Understood, affinity: string | null): Promise<TurnToSend | 'answered' | null> {
  const { conversations } = understood.api;
  if (conversations === null) return null;
  const { req, res, target, caller, service, parsed } = understood;
  const entered = await enterResponses(conversations, {
    req,
    res,
    path: target.path,
    service: service.route.definition.service,
    caller: caller?.name ?? null,
    body: parsed,
    affinity,
  });
  if (entered.kind === 'answered') {
    if (entered.refused !== null) understood.api.refusals.count(entered.refused);
    return 'answered';
  }
  return entered.kind === 'turn' ? entered : null;
}

function forwarded({ target, req, caller, asked }: Understood): Forwarded {
  return {
    method: req.method ?? 'GET',
    path: target.path,
    headers: requestHeaders(req.rawHeaders, req.headers.connection, caller !== null),
    stream: asked.stream,
    streamKind: streamKindOf(target.path),
    choices: asked.choices,
  };
}
