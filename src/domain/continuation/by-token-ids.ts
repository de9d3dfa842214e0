/**
 * Going on from the very tokens that were said, where text could be cut into tokens in another way. The ids of the prompt
 * and of what was said are a prompt of `/v1/completions`, for which chat has no form. That API knows neither messages nor
 * tools and reads no reasoning out of the text, so not every chat can go on there; such a one goes on by text.
 */
import { isAsked, lengthLeft, type ChoicesApi, type ContinuedRequest } from './continued-request.js';
import { isFields, type Fields } from '../outside.js';

/** The field by which an engine is asked to tell the ids, in requests of both APIs. */
export const ASKS_FOR_IDS = 'return_token_ids';

/** What of a chat request `/v1/completions` does not know, or would take for something else. */
const CHAT_ONLY: ReadonlySet<string> = new Set([
  'messages',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'functions',
  'function_call',
  'logprobs',
  'top_logprobs',
  'max_completion_tokens',
  'response_format',
  'reasoning_effort',
  'include_reasoning',
  'chat_template',
  'chat_template_kwargs',
  'documents',
  'add_generation_prompt',
  'continue_final_message',
  'add_special_tokens',
  'echo',
]);

/** Of what these bring into an answer or its prompt the ids do not tell everything. */
const BEYOND_IDS = ['echo', 'suffix', 'truncate_prompt_tokens', 'prompt_embeds', 'mm_processor_kwargs'] as const;

/** Whether an answer to this request can go on by ids, if its engine tells them. */
export function idsCarry(api: ChoicesApi, body: unknown): boolean {
  if (!isFields(body) || mayBeCutBy(body['stop'])) return false;
  // What callers say of it themselves is theirs to decide.
  if (ASKS_FOR_IDS in body && body[ASKS_FOR_IDS] !== true) return false;
  if (BEYOND_IDS.some((field) => isAsked(body[field]))) return false;
  return api === 'chat' ? isPlainChat(body) : isOnePrompt(body['prompt']);
}

/** A chat without a limit may fill its context; `/v1/completions` has a limit of its own, 16 tokens. */
export function limitsLength(body: unknown): boolean {
  return isFields(body) && typeof (body['max_completion_tokens'] ?? body['max_tokens']) === 'number';
}

export interface IdsToGoOn {
  /** Of the caller's prompt and of all that was said. */
  readonly prompt: readonly number[];
  /** How many were said. */
  readonly tokens: number;
  /** Longest prompt and answer together; asked for where the caller of a chat set no limit. */
  readonly contextTokens: number | null;
}

/** The request for the rest. Call it only where `idsCarry`. */
export function continuedByIds(
  api: ChoicesApi,
  body: Fields,
  { prompt, tokens, contextTokens }: IdsToGoOn,
): ContinuedRequest {
  const left = lengthLeft(body, tokens);
  if (left === null) return { kind: 'complete' };
  const whole: Fields = { ...body, ...left, prompt };
  if (api === 'completions') return { kind: 'ask', body: whole };
  const fields = Object.entries(whole).filter(([field]) => !CHAT_ONLY.has(field));
  const room = contextTokens === null ? null : contextTokens - prompt.length;
  const limit = left['max_completion_tokens'] ?? left['max_tokens'] ?? room;
  if (limit !== null && Number(limit) <= 0) return { kind: 'complete' };
  return { kind: 'ask', body: { ...Object.fromEntries(fields), max_tokens: limit }, api: 'completions' };
}

/**
 * An engine holds back the end of a text as long as it may be the beginning of a stop text, so the ids run ahead of what
 * was said; and it looks for it only in what it says itself. Stop texts of one character have no beginning.
 */
function mayBeCutBy(stop: unknown): boolean {
  return (Array.isArray(stop) ? stop : [stop]).some((text) => typeof text === 'string' && text.length > 1);
}

function isPlainChat(body: Fields): boolean {
  const { messages } = body;
  if (isFilled(body['tools']) || isFilled(body['functions']) || body['include_reasoning'] === false) return false;
  return Array.isArray(messages) && messages.every((message) => isFields(message) && isText(message['content']));
}

/** A picture is a part of the prompt that ids do not tell. */
function isText(content: unknown): boolean {
  if (!Array.isArray(content)) return typeof content === 'string' || (content ?? null) === null;
  return content.every((part) => isFields(part) && part['type'] === 'text');
}

/** A text, or the ids of one, each alone or in a list of one. */
function isOnePrompt(prompt: unknown): boolean {
  if (typeof prompt === 'string') return true;
  if (!Array.isArray(prompt) || prompt.length === 0) return false;
  const [only] = prompt as readonly unknown[];
  if (prompt.length === 1 && (typeof only === 'string' || Array.isArray(only)))
    return typeof only === 'string' || isIds(only as readonly unknown[]);
  return isIds(prompt);
}

function isFilled(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : isAsked(value);
}

/** No vocabulary has as many as 32 bits can count. */
const IDS_END = 2 ** 32;

export function isIds(value: readonly unknown[]): value is readonly number[] {
  return value.every((id) => typeof id === 'number' && id >= 0 && id < IDS_END && Number.isInteger(id));
}
