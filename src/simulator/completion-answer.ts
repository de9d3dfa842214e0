/** Writes an answer the way vLLM does: as a stream of events, one token a chunk, or as one JSON body. */
import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { CompletionRequest } from './completion-request.js';
import type { FaultParams } from './faults.js';
import { ApiError, answerJson } from './http-answers.js';
import { idOfWord } from './token-ids.js';

export interface AnswerWriter {
  /** One token; the last one carries the reason of the end. */
  token(text: string, end: string | null): void;
  /** The engine lost the request. */
  fail(): void;
}

/** A stream that ends early: how, and after how many tokens. */
export type Cut = Pick<FaultParams<'cut-streams'>, 'afterTokens' | 'as'>;

export const ENGINE_FAILURE = new ApiError(
  500,
  'InternalServerError',
  'EngineCore encountered an issue. See stack trace (above) for the root cause.',
);

interface Frame {
  readonly id: string;
  readonly object: string;
  readonly created: number;
  readonly model: string;
}

export function openAnswer(res: ServerResponse, request: CompletionRequest, cut: Cut | null): AnswerWriter {
  const chat = request.shape === 'chat';
  const id = `${chat ? 'chatcmpl' : 'cmpl'}-${randomBytes(8).toString('hex')}`;
  const object = chat ? (request.stream ? 'chat.completion.chunk' : 'chat.completion') : 'text_completion';
  const frame: Frame = { id, object, created: Math.floor(Date.now() / 1_000), model: request.model };
  return request.stream ? new StreamedAnswer(res, request, frame, cut) : new WholeAnswer(res, request, frame);
}

/** A stream whose first event is an error, under HTTP 200. */
export function streamError(res: ServerResponse, error: ApiError): void {
  openStream(res);
  res.end(`${event(error.body())}data: [DONE]\n\n`);
}

const OPENING = { delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null };

class StreamedAnswer implements AnswerWriter {
  readonly #res: ServerResponse;
  readonly #request: CompletionRequest;
  readonly #frame: Frame;
  readonly #cut: Cut | null;
  #sent = 0;
  #ended = false;

  constructor(res: ServerResponse, request: CompletionRequest, frame: Frame, cut: Cut | null) {
    this.#res = res;
    this.#request = request;
    this.#frame = frame;
    this.#cut = cut;
    openStream(res);
  }

  token(text: string, end: string | null): void {
    if (this.#ended) return;
    const isFirst = this.#sent === 0;
    this.#sent += 1;
    const cutsHere = this.#cut !== null && (end !== null || this.#sent >= this.#cut.afterTokens);
    const choice = this.#choice(text, cutsHere ? null : end);
    this.#res.write(isFirst ? this.#opening(choice) : event(this.#chunk(choice)));
    if (cutsHere) this.#breakOff(this.#cut?.as ?? 'reset');
    else if (end !== null) this.#finish();
  }

  fail(): void {
    this.#breakOff('error-event');
  }

  /** A chat begins with a frame of its own, which says the role. */
  #opening(choice: Record<string, unknown>): string {
    const prompt = promptIdsOf(this.#request);
    if (this.#request.shape !== 'chat') return event(this.#chunk({ ...choice, ...prompt }));
    return event({ ...this.#chunk(OPENING), ...prompt }) + event(this.#chunk(choice));
  }

  #choice(text: string, end: string | null): Record<string, unknown> {
    const said = this.#request.shape === 'chat' ? { delta: { content: text } } : { text };
    const ids = this.#request.promptIds === null || text === '' ? {} : { token_ids: [idOfWord(text)] };
    return { ...said, logprobs: null, finish_reason: end, ...(end === null ? {} : { stop_reason: null }), ...ids };
  }

  #chunk(choice: Record<string, unknown>): Record<string, unknown> {
    return { ...this.#frame, choices: [{ index: 0, ...choice }] };
  }

  #finish(): void {
    this.#ended = true;
    const usage = this.#request.includeUsage
      ? event({ ...this.#frame, choices: [], usage: usageOf(this.#request, this.#sent) })
      : '';
    this.#res.end(`${usage}data: [DONE]\n\n`);
  }

  #breakOff(as: string): void {
    if (this.#ended) return;
    this.#ended = true;
    if (as === 'reset') {
      // What is written must leave before the reset, which throws away what is still buffered.
      this.#res.write('', () => this.#res.socket?.resetAndDestroy());
      return;
    }
    const last =
      as === 'error-event'
        ? event(ENGINE_FAILURE.body())
        : as === 'abort'
          ? event(this.#chunk(this.#choice('', 'abort')))
          : '';
    this.#res.end(as === 'bare-end' ? '' : `${last}data: [DONE]\n\n`);
  }
}

class WholeAnswer implements AnswerWriter {
  readonly #res: ServerResponse;
  readonly #request: CompletionRequest;
  readonly #frame: Frame;
  readonly #tokens: string[] = [];

  constructor(res: ServerResponse, request: CompletionRequest, frame: Frame) {
    this.#res = res;
    this.#request = request;
    this.#frame = frame;
  }

  token(text: string, end: string | null): void {
    this.#tokens.push(text);
    if (end === null) return;
    const said = this.#tokens.join('');
    const content = this.#request.shape === 'chat' ? { message: { role: 'assistant', content: said } } : { text: said };
    const { promptIds, shape } = this.#request;
    const ids = promptIds === null ? {} : { token_ids: this.#tokens.map(idOfWord) };
    const prompt = promptIdsOf(this.#request);
    const choice = { index: 0, ...content, logprobs: null, finish_reason: end, stop_reason: null, ...ids };
    answerJson(this.#res, 200, {
      ...this.#frame,
      ...(shape === 'chat' && prompt),
      choices: [shape === 'chat' ? choice : { ...choice, ...prompt }],
      usage: usageOf(this.#request, this.#tokens.length),
    });
  }

  fail(): void {
    answerJson(this.#res, ENGINE_FAILURE.status, ENGINE_FAILURE.body());
  }
}

/** Where they are told: beside the choices of a chat, in the choice of a plain completion. */
function promptIdsOf({ promptIds }: CompletionRequest): Record<string, unknown> {
  return promptIds === null ? {} : { prompt_token_ids: promptIds };
}

function usageOf(request: CompletionRequest, completionTokens: number): Record<string, number> {
  const promptTokens = request.promptTokens;
  return {
    prompt_tokens: promptTokens,
    total_tokens: promptTokens + completionTokens,
    completion_tokens: completionTokens,
  };
}

/** The headers leave at once, as vLLM's do: 200 is said before the engine has done anything. */
export function openStream(res: ServerResponse): void {
  res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
  res.flushHeaders();
}

function event(body: unknown): string {
  return `data: ${JSON.stringify(body)}\n\n`;
}
