/**
 * The request that fetches the rest of a broken answer: the caller's own, extended by what was said and shortened by what
 * that cost. Where extending it would change its meaning it is refused.
 */
import type { CannotContinue } from './cannot-continue.js';
import { isFields, textOf, type Fields } from '../outside.js';

/** Which of the two kinds of streams with choices: `/v1/chat/completions` or `/v1/completions`. */
export type ChoicesApi = 'chat' | 'completions';

/** What an engine wants for a continuation; src/engines/continuation.ts has them all. */
export interface ContinuationNeeds {
  readonly chat: { readonly fields: Readonly<Record<string, boolean>> } | null;
  readonly completions: boolean;
}

/** What the caller has been told so far. */
export interface SaidSoFar {
  readonly text: string;
  /** Never more than were really said. */
  readonly tokens: number;
}

export type ContinuedRequest =
  /** `api`: another than the caller's own is asked, and its frames must be turned into the caller's. */
  | { readonly kind: 'ask'; readonly body: Fields; readonly api?: 'completions' }
  /** As many tokens as the caller allowed were said: only the end is missing. */
  | { readonly kind: 'complete' }
  | { readonly kind: 'refused'; readonly because: CannotContinue };

/** Fields under which vLLM, SGLang and llama.cpp take a grammar, a schema or a set of choices. */
const GUIDES = [
  'guided_json',
  'guided_regex',
  'guided_choice',
  'guided_grammar',
  'guided_decoding_backend',
  'guided_whitespace_pattern',
  'structural_tag',
  'structured_outputs',
  'json_schema',
  'grammar',
  'regex',
  'ebnf',
] as const;

/** Upper and lower limits of an answer's length, tokens. */
const LIMITS = ['max_tokens', 'max_completion_tokens'] as const;

/** Why no stream that answers this request is ever continued; `null` when nothing of the request forbids it. */
export function forbiddenByRequest(api: ChoicesApi, body: unknown): CannotContinue | null {
  if (!isFields(body)) return 'prompt-form';
  if (isAbove(body['n'], 1) || isAbove(body['best_of'], 1) || body['use_beam_search'] === true) return 'many-choices';
  if (isAsked(body['logprobs']) || isAsked(body['prompt_logprobs'])) return 'logprobs';
  if (isGuided(body)) return 'guided-decoding';
  const extensible = api === 'chat' ? hasOpenMessages(body) : hasOpenPrompt(body);
  return extensible ? null : 'prompt-form';
}

/** Whether it makes a difference to the caller how many tokens were said before the break. */
export function tokensMatter(body: unknown): boolean {
  if (!isFields(body)) return false;
  const { stream_options: options } = body;
  return (
    [...LIMITS, 'min_tokens'].some((field) => isAsked(body[field])) ||
    (isFields(options) && isAsked(options['include_usage']))
  );
}

/** Whether an engine can go on with a begun answer at all. */
export function engineContinues(api: ChoicesApi, needs: ContinuationNeeds): boolean {
  return api === 'chat' ? needs.chat !== null : needs.completions;
}

/**
 * The request for the rest. Call it only for a body that `forbiddenByRequest` lets pass and an engine that continues.
 * When nothing was said yet it is the caller's own request.
 */
export function continuedRequest(
  api: ChoicesApi,
  body: unknown,
  said: SaidSoFar,
  needs: ContinuationNeeds,
): ContinuedRequest {
  if (!isFields(body)) return { kind: 'refused', because: 'prompt-form' };
  if (said.text === '') return { kind: 'ask', body };
  if (!engineContinues(api, needs)) return { kind: 'refused', because: 'engine-cannot' };
  const left = lengthLeft(body, said.tokens);
  if (left === null) return { kind: 'complete' };
  const extended =
    api === 'chat'
      ? { messages: extendedMessages(body['messages'], said.text), ...needs.chat?.fields }
      : { prompt: extendedPrompt(body['prompt'], said.text) };
  return { kind: 'ask', body: { ...body, ...left, ...extended } };
}

/** The limits of an answer's length without what was said; `null` when that was all. */
export function lengthLeft(body: Fields, tokens: number): Fields | null {
  const left = LIMITS.flatMap((field) => {
    const limit = body[field];
    return typeof limit === 'number' ? [[field, limit - tokens] as const] : [];
  });
  if (left.some(([, more]) => more <= 0)) return null;
  const least = body['min_tokens'];
  return {
    ...Object.fromEntries(left),
    ...(typeof least === 'number' && { min_tokens: Math.max(0, least - tokens) }),
  };
}

function isGuided(body: Fields): boolean {
  if (GUIDES.some((field) => isAsked(body[field]))) return true;
  const format = body['response_format'];
  if (isFields(format) && format['type'] !== 'text') return true;
  const choice = body['tool_choice'];
  return choice === 'required' || isFields(choice); // a call that must come is enforced by a grammar
}

/** A last message of the assistant is either continued or followed by a new turn; only the first can be prolonged. */
function hasOpenMessages(body: Fields): boolean {
  const messages = body['messages'];
  if (!Array.isArray(messages)) return false;
  const last: unknown = messages.at(-1);
  if (!isFields(last) || last['role'] !== 'assistant') return true;
  return body['continue_final_message'] === true && typeof last['content'] === 'string';
}

function hasOpenPrompt(body: Fields): boolean {
  if (isAsked(body['echo']) || isAsked(body['suffix'])) return false;
  return promptText(body['prompt']) !== null;
}

/** Only text can be prolonged by text; a list of one text is that text. */
function promptText(prompt: unknown): string | null {
  const only: unknown = Array.isArray(prompt) && prompt.length === 1 ? prompt[0] : prompt;
  return typeof only === 'string' ? only : null;
}

function extendedPrompt(prompt: unknown, text: string): string {
  return (promptText(prompt) ?? '') + text;
}

function extendedMessages(messages: unknown, text: string): readonly unknown[] {
  const list: readonly unknown[] = Array.isArray(messages) ? messages : [];
  const last = list.at(-1);
  if (!isFields(last) || last['role'] !== 'assistant') return [...list, { role: 'assistant', content: text }];
  return [...list.slice(0, -1), { ...last, content: (textOf(last['content']) ?? '') + text }];
}

/** `0` asks for something too: log probabilities of no other token than the one said. */
export function isAsked(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && value !== '';
}

function isAbove(value: unknown, limit: number): boolean {
  return typeof value === 'number' && value > limit;
}
