/** The HTTP side of the serving child: vLLM's API, the four plain checks, and the faults that live inside. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { PROBE_AGENT, probeAgent } from '../domain/probe-agent.js';
import { openAnswer, streamError, ENGINE_FAILURE, type Cut } from './completion-answer.js';
import { readCompletionRequest, type RequestShape } from './completion-request.js';
import { answerEmbeddings } from './embeddings.js';
import { Engine } from './engine.js';
import { isForeign } from './foreign.js';
import { FAULT_KINDS, paramsOf, type Fault } from './faults.js';
import { ApiError, answerJson, answerText, readJson } from './http-answers.js';
import { openResponse } from './responses-answer.js';
import { metricsPage } from './metrics-page.js';
import type { ClusterSettings } from './settings.js';
import { garbageAnswer } from './text.js';
import { answerTokenize } from './tokenize.js';

const BODY_BYTES_MAX = 8 * 1024 * 1024;
/** Says who really answered, whatever a gateway in between says. */
export const SIMULATED_CLUSTER_HEADER = 'x-simulated-cluster';
const MEMORY_USED_BASE = 0.62; // weights and reserved cache
const MEMORY_USED_BY_CACHE = 0.25;
const STARTED_AT_S = Math.floor(Date.now() / 1_000);

export interface ServingApp {
  readonly server: Server;
  setFaults(faults: readonly Fault[]): void;
  close(): void;
}

type Route = (req: IncomingMessage, res: ServerResponse) => void | Promise<void>;

export function createServingApp(settings: ClusterSettings): ServingApp {
  const app = new App(settings);
  const server = createServer((req, res) => {
    void app.answer(req, res);
  });
  return {
    server,
    setFaults: (faults) => {
      app.setFaults(faults);
    },
    close: () => {
      app.close();
      server.close();
      server.closeAllConnections();
    },
  };
}

class App {
  readonly #settings: ClusterSettings;
  readonly #engine: Engine;
  readonly #routes: Readonly<Record<string, Route>>;
  #faults: readonly Fault[] = [];
  #staleMetrics: string | null = null;
  /** Share of a request that each fault still owes: shares are spread evenly, so that 0.3 of 100 is 30. */
  #owed: Partial<Record<string, number>> = {};

  constructor(settings: ClusterSettings) {
    this.#settings = settings;
    this.#engine = new Engine(settings);
    this.#routes = {
      'GET /health': (_req, res) => {
        answerText(res, 200, '');
      },
      'GET /version': (_req, res) => {
        answerJson(res, 200, { version: '0.32.0' });
      },
      'GET /v1/models': (_req, res) => {
        answerJson(res, 200, this.#models());
      },
      'GET /metrics': (_req, res) => {
        this.#answerMetrics(res);
      },
      'GET /gpu-status': (_req, res) => {
        answerJson(res, 200, { status: this.#isOn('gpu-lost') ? 'unhealthy' : 'healthy' });
      },
      'GET /gpu-memory': (_req, res) => {
        answerJson(res, 200, this.#memory());
      },
      'POST /v1/chat/completions': async (req, res) => {
        await this.#complete('chat', req, res);
      },
      'POST /v1/completions': async (req, res) => {
        await this.#complete('text', req, res);
      },
      'POST /v1/responses': async (req, res) => {
        await this.#complete('responses', req, res);
      },
      'POST /tokenize': async (req, res) => {
        const { contextTokensMax } = this.#settings;
        const body = await readJson(req, BODY_BYTES_MAX);
        answerJson(res, 200, answerTokenize(body, { model: this.#servedModel(), contextTokensMax }));
      },
      'POST /v1/embeddings': async (req, res) => {
        const body = await readJson(req, BODY_BYTES_MAX);
        this.#refuseByQuota();
        answerJson(res, 200, answerEmbeddings(body, this.#servedModel()));
      },
    };
  }

  setFaults(faults: readonly Fault[]): void {
    const becomesStale = faults.some((fault) => fault.kind === 'stale-metrics');
    this.#staleMetrics = becomesStale ? (this.#staleMetrics ?? this.#metrics()) : null;
    for (const kind of FAULT_KINDS) if (!faults.some((fault) => fault.kind === kind)) this.#owed[kind] = 0;
    this.#faults = faults;
    this.#engine.setFaults(faults);
  }

  close(): void {
    this.#engine.close();
  }

  async answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    res.setHeader(SIMULATED_CLUSTER_HEADER, this.#settings.name);
    if (isForeign(req)) {
      answerJson(
        res,
        403,
        new ApiError(403, 'PermissionDeniedError', 'no web page may use a simulated cluster').body(),
      );
      return;
    }
    if (this.#isCutOff(req)) return; // silent until whoever asked gives up
    try {
      const addedMs = paramsOf(this.#faults, 'slow')?.addedMs ?? 0;
      if (addedMs > 0) await new Promise((resolve) => setTimeout(resolve, addedMs).unref());
      const route = this.#routes[routeOf(req)];
      if (route === undefined) throw new ApiError(404, 'NotFoundError', 'Not Found');
      if (this.#isOn('cold')) this.#refuseWhileLoading();
      await route(req, res);
    } catch (error) {
      if (error instanceof ApiError) answerJson(res, error.status, error.body(), error.headers);
      else answerJson(res, 500, ENGINE_FAILURE.body());
    }
  }

  async #complete(shape: RequestShape, req: IncomingMessage, res: ServerResponse): Promise<void> {
    const body = await readJson(req, BODY_BYTES_MAX);
    this.#refuseByQuota();
    const model = this.#servedModel();
    const request = readCompletionRequest(shape, body, { model, contextTokensMax: this.#settings.contextTokensMax });
    const errors = paramsOf(this.#faults, 'errors');
    if (errors !== null && this.#meets('errors', errors.share)) {
      const error = new ApiError(errors.status, 'InternalServerError', 'simulated fault: errors');
      if (errors.as === 'status' || !request.stream) throw error;
      streamError(res, error);
      return;
    }
    const garbage = paramsOf(this.#faults, 'garbage');
    const isGarbage = garbage !== null && this.#meets('garbage', garbage.share);
    const answer = isGarbage ? garbageAnswer(request.answer.tokens.length) : request.answer;
    const writer = openWhenAdmitted(() => {
      const cut = request.stream ? this.#cutOf() : null;
      return shape === 'responses' ? openResponse(res, request, cut) : openAnswer(res, request, cut);
    });
    const withdraw = this.#engine.submit({
      prompt: request.prompt,
      promptTokens: request.promptTokens,
      tokens: answer.tokens,
      finishReason: answer.finishReason,
      onToken: (token, end) => {
        writer().token(token, end);
      },
      onFailure: () => {
        writer().fail();
      },
    });
    if (withdraw === null)
      throw new ApiError(503, 'ServiceUnavailableError', 'the queue is full', { 'retry-after': '1' });
    writer();
    res.once('close', withdraw);
  }

  #isCutOff({ headers }: IncomingMessage): boolean {
    const cut = paramsOf(this.#faults, 'probes-cut');
    if (cut === null) return false;
    const agent = headers['user-agent'] ?? '';
    return cut.vantage === '' ? agent.startsWith(PROBE_AGENT) : agent === probeAgent(cut.vantage);
  }

  #refuseWhileLoading(): void {
    if (paramsOf(this.#faults, 'cold')?.loading === true) throw new ApiError(503, 'unavailable_error', 'Loading model');
  }

  #refuseByQuota(): void {
    const quota = paramsOf(this.#faults, 'quota');
    if (quota === null || !this.#meets('quota', quota.share)) return;
    throw new ApiError(429, 'RateLimitError', 'simulated fault: quota', { 'retry-after': String(quota.retryAfterS) });
  }

  #cutOf(): Cut | null {
    const cut = paramsOf(this.#faults, 'cut-streams');
    return cut !== null && this.#meets('cut-streams', cut.share) ? cut : null;
  }

  #isOn(kind: Fault['kind']): boolean {
    return paramsOf(this.#faults, kind) !== null;
  }

  #meets(kind: Fault['kind'], share: number): boolean {
    const owed = (this.#owed[kind] ?? 0) + share;
    const isMet = owed >= 1 - 1e-9; // 0.1 ten times is a little less than 1
    this.#owed[kind] = isMet ? owed - 1 : owed;
    return isMet;
  }

  #servedModel(): string {
    const wrong = paramsOf(this.#faults, 'wrong-model');
    if (wrong === null) return this.#settings.model;
    return wrong.model === '' ? `${this.#settings.model}-other` : wrong.model;
  }

  #models(): unknown {
    const id = this.#servedModel();
    const entry = {
      id,
      object: 'model',
      created: STARTED_AT_S,
      owned_by: this.#settings.engine,
      root: id,
      parent: null,
    };
    return { object: 'list', data: [{ ...entry, max_model_len: this.#settings.contextTokensMax }] };
  }

  #answerMetrics(res: ServerResponse): void {
    if (this.#settings.engine !== 'vllm' || this.#isOn('metrics-gone'))
      throw new ApiError(404, 'NotFoundError', 'Not Found');
    answerText(res, 200, this.#staleMetrics ?? this.#metrics(), 'text/plain; version=0.0.4; charset=utf-8');
  }

  #metrics(): string {
    return metricsPage(this.#settings.model, this.#engine.counters, this.#engine.gauges());
  }

  #memory(): Record<string, number> {
    const high = paramsOf(this.#faults, 'memory-high');
    const ratio = high?.usedRatio ?? MEMORY_USED_BASE + MEMORY_USED_BY_CACHE * this.#engine.gauges().cacheUsage;
    const total = this.#settings.memoryTotalBytes;
    return {
      used_ratio: Math.round(ratio * 10_000) / 10_000,
      total_bytes: total,
      used_bytes: Math.round(ratio * total),
    };
  }
}

function routeOf({ method = 'GET', url = '/' }: IncomingMessage): string {
  return `${method === 'HEAD' ? 'GET' : method} ${url.split('?', 1)[0] ?? '/'}`;
}

/** Opens the answer once, when somebody first needs it: a full queue must still be able to answer 503. */
function openWhenAdmitted<T>(open: () => T): () => T {
  let opened: T | undefined;
  return () => (opened ??= open());
}
