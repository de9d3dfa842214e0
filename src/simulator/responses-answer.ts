/** Writes an answer of the Responses API the way vLLM does: as typed events, or as one JSON body. It keeps nothing. */
import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { ENGINE_FAILURE, openStream, type AnswerWriter, type Cut } from './completion-answer.js';
import type { CompletionRequest } from './completion-request.js';
import { answerJson } from './http-answers.js';

export function openResponse(res: ServerResponse, request: CompletionRequest, cut: Cut | null): AnswerWriter {
  return request.stream ? new StreamedResponse(res, request, cut) : new WholeResponse(res, request);
}

/** What both forms of an answer say of it. */
class ResponseFields {
  readonly #id = `resp_${randomBytes(16).toString('hex')}`;
  readonly #createdAt = Math.floor(Date.now() / 1_000);
  readonly itemId = `msg_${randomBytes(16).toString('hex')}`;
  readonly #request: CompletionRequest;

  constructor(request: CompletionRequest) {
    this.#request = request;
  }

  open(): Record<string, unknown> {
    return {
      id: this.#id,
      object: 'response',
      created_at: this.#createdAt,
      model: this.#request.model,
      status: 'in_progress',
      output: [],
      previous_response_id: null,
      instructions: this.#request.instructions,
      incomplete_details: null,
      error: null,
      metadata: {},
      parallel_tool_calls: true,
      tool_choice: 'auto',
      tools: [],
      usage: null,
    };
  }

  part(text: string): Record<string, unknown> {
    return { type: 'output_text', text, annotations: [], logprobs: null };
  }

  item(text: string, status: string): Record<string, unknown> {
    const content = status === 'completed' ? [this.part(text)] : [];
    return { id: this.itemId, type: 'message', role: 'assistant', status, content };
  }

  whole(text: string, tokens: number, end: string): Record<string, unknown> {
    const { promptTokens } = this.#request;
    return {
      ...this.open(),
      status: end === 'length' ? 'incomplete' : 'completed',
      incomplete_details: end === 'length' ? { reason: 'max_output_tokens' } : null,
      output: [this.item(text, 'completed')],
      usage: {
        input_tokens: promptTokens,
        input_tokens_details: { cached_tokens: 0 },
        output_tokens: tokens,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: promptTokens + tokens,
      },
    };
  }
}

class StreamedResponse implements AnswerWriter {
  readonly #res: ServerResponse;
  readonly #cut: Cut | null;
  readonly #fields: ResponseFields;
  #text = '';
  #sent = 0;
  #events = 0;
  #ended = false;

  constructor(res: ServerResponse, request: CompletionRequest, cut: Cut | null) {
    this.#res = res;
    this.#cut = cut;
    this.#fields = new ResponseFields(request);
    openStream(res);
    this.#write('response.created', { response: this.#fields.open() });
    this.#write('response.in_progress', { response: this.#fields.open() });
  }

  token(text: string, end: string | null): void {
    if (this.#ended) return;
    if (this.#sent === 0) this.#openPart();
    this.#sent += 1;
    this.#text += text;
    this.#write('response.output_text.delta', { ...this.#place(), delta: text, logprobs: [] });
    if (this.#cut !== null && (end !== null || this.#sent >= this.#cut.afterTokens)) this.#breakOff(this.#cut.as);
    else if (end !== null) this.#finish(end);
  }

  fail(): void {
    this.#breakOff('error-event');
  }

  #openPart(): void {
    this.#write('response.output_item.added', { output_index: 0, item: this.#fields.item('', 'in_progress') });
    this.#write('response.content_part.added', { ...this.#place(), part: this.#fields.part('') });
  }

  #finish(end: string): void {
    this.#write('response.output_text.done', { ...this.#place(), text: this.#text, logprobs: [] });
    this.#write('response.content_part.done', { ...this.#place(), part: this.#fields.part(this.#text) });
    this.#write('response.output_item.done', { output_index: 0, item: this.#fields.item(this.#text, 'completed') });
    const type = end === 'length' ? 'response.incomplete' : 'response.completed';
    this.#write(type, { response: this.#fields.whole(this.#text, this.#sent, end) });
    this.#ended = true;
    this.#res.end();
  }

  #place(): Record<string, unknown> {
    return { item_id: this.#fields.itemId, output_index: 0, content_index: 0 };
  }

  #write(type: string, fields: Record<string, unknown>): void {
    const body = JSON.stringify({ type, sequence_number: this.#events, ...fields });
    this.#events += 1;
    this.#res.write(`event: ${type}\ndata: ${body}\n\n`);
  }

  /** There is no `[DONE]` in this API: a stream that ends without its last event was cut. */
  #breakOff(as: Cut['as']): void {
    if (this.#ended) return;
    this.#ended = true;
    if (as === 'reset') this.#res.write('', () => this.#res.socket?.resetAndDestroy());
    else if (as === 'error-event') this.#res.end(`event: error\ndata: ${JSON.stringify(ENGINE_FAILURE.body())}\n\n`);
    else this.#res.end();
  }
}

class WholeResponse implements AnswerWriter {
  readonly #res: ServerResponse;
  readonly #fields: ResponseFields;
  readonly #tokens: string[] = [];

  constructor(res: ServerResponse, request: CompletionRequest) {
    this.#res = res;
    this.#fields = new ResponseFields(request);
  }

  token(text: string, end: string | null): void {
    this.#tokens.push(text);
    if (end !== null) answerJson(this.#res, 200, this.#fields.whole(this.#tokens.join(''), this.#tokens.length, end));
  }

  fail(): void {
    answerJson(this.#res, ENGINE_FAILURE.status, ENGINE_FAILURE.body());
  }
}
