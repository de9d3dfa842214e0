/** Reads an OpenAI-style completion request: what is refused, and what will be said. Pure. */
import { wordOf } from '../domain/outside.js';
import { ApiError } from './http-answers.js';
import { continueAnswer, countTokens, expectedAnswer, promptKeyOfChat, splitContinuedPrompt } from './text.js';
import { idsOfPrompt, readPromptIds } from './token-ids.js';
import type { AnswerLimits, ChatMessage, ExpectedAnswer } from './text.js';

export type RequestShape = 'chat' | 'text' | 'responses';

export interface CompletionRequest {
  readonly shape: RequestShape;
  readonly model: string;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  /** The whole prompt as the engine reads it. */
  readonly prompt: string;
  readonly promptTokens: number;
  readonly answer: ExpectedAnswer;
  /** Responses API only. */
  readonly instructions: string | null;
  /** Token ids of the prompt, of one that wants them with its answer; `null`: it does not. */
  readonly promptIds: readonly number[] | null;
}

export interface ServedModel {
  readonly model: string;
  readonly contextTokensMax: number;
}

const MESSAGES_MAX = 10_000;
/** As vLLM and OpenAI have it, for plain completions only. */
const TEXT_TOKENS_DEFAULT = 16;

/**
 * @throws ApiError 404 for another model, 400 for everything else that is the caller's fault
 */
export function readCompletionRequest(shape: RequestShape, body: unknown, served: ServedModel): CompletionRequest {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw badRequest('the body must be a JSON object');
  const fields = body as Record<string, unknown>;
  const model = fields['model'] ?? served.model;
  if (model !== served.model)
    throw new ApiError(404, 'NotFoundError', `The model \`${wordOf(model)}\` does not exist.`);
  if (fields['n'] !== undefined && fields['n'] !== null && fields['n'] !== 1)
    throw badRequest('only n = 1 is simulated');
  const limits = readLimits(shape, fields);
  const reading = READERS[shape](fields, limits);
  const { prompt, answer, instructions = null } = reading;
  const { promptIds, promptTokens } = tokensOf(reading, fields['return_token_ids'] === true);
  refuseBeyond(served.contextTokensMax, promptTokens + (limits.maxTokens ?? 1));
  return {
    shape,
    model: served.model,
    stream: fields['stream'] === true,
    includeUsage: wantsUsage(fields),
    prompt,
    promptTokens,
    answer,
    instructions,
    promptIds,
  };
}

function refuseBeyond(tokensMax: number, asked: number): void {
  if (asked <= tokensMax) return;
  throw badRequest(
    `This model's maximum context length is ${String(tokensMax)} tokens. However, you requested ${String(asked)} tokens. Please reduce the length of the messages or completion.`,
  );
}

function readLimits(shape: RequestShape, fields: Record<string, unknown>): AnswerLimits {
  const unset = shape === 'text' ? TEXT_TOKENS_DEFAULT : null;
  const maxTokens = fields['max_output_tokens'] ?? fields['max_completion_tokens'] ?? fields['max_tokens'] ?? unset;
  if (maxTokens !== null && !(typeof maxTokens === 'number' && Number.isInteger(maxTokens) && maxTokens >= 1)) {
    throw badRequest(`max_tokens must be at least 1, got ${JSON.stringify(maxTokens)}.`);
  }
  return { maxTokens: maxTokens as number | null, ignoreEos: fields['ignore_eos'] === true };
}

function wantsUsage(fields: Record<string, unknown>): boolean {
  const options = fields['stream_options'];
  return (
    typeof options === 'object' && options !== null && (options as Record<string, unknown>)['include_usage'] === true
  );
}

interface Reading {
  readonly prompt: string;
  /** The prompt without what was said of its answer, and that. */
  readonly key?: string;
  readonly said?: string;
  /** Of a prompt that came in ids. */
  readonly ids?: readonly number[];
  readonly answer: ExpectedAnswer;
  readonly instructions?: string | null;
}

function tokensOf(
  { prompt, key = prompt, said = '', ids }: Reading,
  wantsIds: boolean,
): Pick<CompletionRequest, 'promptIds' | 'promptTokens'> {
  const promptIds = wantsIds ? (ids ?? idsOfPrompt(key, said)) : null;
  return { promptIds, promptTokens: (ids ?? promptIds)?.length ?? countTokens(prompt) };
}

const READERS: Readonly<Record<RequestShape, (fields: Record<string, unknown>, limits: AnswerLimits) => Reading>> = {
  chat: readChat,
  text: readText,
  responses: readResponses,
};

/** As vLLM without its own store: whatever was said before must be in the input. */
function readResponses(fields: Record<string, unknown>, limits: AnswerLimits): Reading {
  const { previous_response_id: previous = null, input, instructions = null } = fields;
  if (previous !== null) throw new ApiError(404, 'NotFoundError', `Response with id '${wordOf(previous)}' not found.`);
  const items = typeof input === 'string' ? [{ role: 'user', content: input }] : input;
  const messages = readMessages(items, 'input');
  const first = typeof instructions === 'string' ? [{ role: 'system', content: instructions }] : [];
  const prompt = promptKeyOfChat([...first, ...messages]);
  return { prompt, answer: expectedAnswer(prompt, limits), instructions: first[0]?.content ?? null };
}

function readChat(fields: Record<string, unknown>, limits: AnswerLimits): Reading {
  const messages = readMessages(fields['messages']);
  const prompt = promptKeyOfChat(messages);
  if (fields['continue_final_message'] !== true) return { prompt, answer: expectedAnswer(prompt, limits) };
  if (fields['add_generation_prompt'] !== false) {
    throw badRequest('Cannot set both `continue_final_message` and `add_generation_prompt` to True.');
  }
  const last = messages.at(-1);
  if (last?.role !== 'assistant') return { prompt, answer: expectedAnswer(prompt, limits) };
  const key = promptKeyOfChat(messages.slice(0, -1));
  const answer = continueAnswer(key, last.content, limits);
  return answer === null
    ? { prompt, answer: expectedAnswer(prompt, limits) }
    : { prompt, answer, key, said: last.content };
}

function readText(fields: Record<string, unknown>, limits: AnswerLimits): Reading {
  const { prompt: given } = fields;
  const prompt: unknown = Array.isArray(given) && given.length === 1 && Array.isArray(given[0]) ? given[0] : given;
  if (isIds(prompt)) return readIds(prompt, limits);
  if (typeof prompt !== 'string' || prompt === '') throw badRequest('`prompt` must be a text that is not empty.');
  const { key, said } = splitContinuedPrompt(prompt);
  const answer = continueAnswer(key, said, limits);
  return answer === null ? { prompt, answer: expectedAnswer(prompt, limits) } : { prompt, answer, key, said };
}

function readIds(ids: readonly number[], limits: AnswerLimits): Reading {
  const read = readPromptIds(ids);
  const answer = read === null ? null : continueAnswer(read.key, read.said, limits);
  if (read === null || answer === null) throw badRequest('`prompt` ends with ids that this model has not said.');
  return { prompt: read.key + read.said, answer, ids };
}

function isIds(prompt: unknown): prompt is readonly number[] {
  const isId = (id: unknown): boolean => Number.isInteger(id) && Number(id) >= 0 && Number(id) < 2 ** 32;
  return Array.isArray(prompt) && prompt.length > 0 && prompt.every(isId);
}

function readMessages(value: unknown, name = 'messages'): ChatMessage[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MESSAGES_MAX) {
    throw badRequest(`\`${name}\` must be a list of 1 to ${String(MESSAGES_MAX)} messages.`);
  }
  return value.map((entry: unknown, index) => {
    const { role, content } = (entry ?? {}) as { role?: unknown; content?: unknown };
    if (typeof role !== 'string') throw badRequest(`messages[${String(index)}].role must be a text.`);
    return { role, content: readContent(content, index) };
  });
}

/** A content is a text, or a list of parts of which the texts count. */
function readContent(content: unknown, index: number): string {
  if (typeof content === 'string') return content;
  if (content === null || content === undefined) return '';
  if (!Array.isArray(content))
    throw badRequest(`messages[${String(index)}].content must be a text or a list of parts.`);
  return content
    .map((part: unknown) => (part as { text?: unknown } | null)?.text)
    .filter((text) => typeof text === 'string')
    .join('');
}

function badRequest(message: string): ApiError {
  return new ApiError(400, 'BadRequestError', message);
}
