/**
 * What keeps a conversation on its cluster when its caller gave it no name: how it begins. A chat is sent whole at each
 * turn, and its instructions and first question stay as they were, so each turn has the same key and finds the prefix
 * cache that the one before filled.
 */
import type { ChoicesApi } from '../continuation/continued-request.js';
import { FNV_START, fnv1a } from '../text-hash.js';

/** Shorter beginnings are read anew in no time; they keep strict turns, so that the steps of a ramp are what they say. */
export const PREFIX_CHARS_MIN = 1_024;
/** So much of the head, and of the tail of a first question: documents often differ only after a long common head. */
export const LOOKED_AT_CHARS = 512;
/** Messages, and parts of a message, that are looked at; a conversation that begins otherwise is one of many alike. */
const LOOKED_AT_ITEMS = 8;

/** No caller's own name for a conversation begins so, or it is treated like one of these, which does no harm. */
const MARK = '~';

/** Whether a key may be common to many: callers that begin alike are not one conversation. */
export const isPrefixKey = (key: string): boolean => key.startsWith(MARK);

/** The key of a request, as it was parsed; `null` when its beginning is short, unreadable or kept elsewhere. */
export function prefixKey(api: ChoicesApi | 'responses' | null, request: unknown): string | null {
  if (api === null || typeof request !== 'object' || request === null) return null;
  const { messages, prompt, input, instructions, previous_response_id: previous } = request as Record<string, unknown>;
  if (api === 'completions') return typeof prompt === 'string' ? keyOfPrompt(prompt) : null;
  if (api === 'chat') return keyOfMessages([], messages);
  if (typeof previous === 'string') return null; // it begins with a turn that is not here
  return keyOfMessages(textsOf(instructions), typeof input === 'string' ? [{ role: 'user', content: input }] : input);
}

/** Nobody says where the common part of a prompt ends; what stands first stays first when it grows. */
function keyOfPrompt(prompt: string): string | null {
  return prompt.length > PREFIX_CHARS_MIN ? keyOf(fnv1a(FNV_START, prompt, 0, PREFIX_CHARS_MIN)) : null;
}

function keyOfMessages(instructions: readonly string[], messages: unknown): string | null {
  if (!Array.isArray(messages)) return null;
  const system = [...instructions];
  let question: readonly string[] | null = null;
  for (let i = 0; i < messages.length && i < LOOKED_AT_ITEMS && question === null; i++) {
    const { role, content } = (messages[i] ?? {}) as { role?: unknown; content?: unknown };
    if (role === 'system' || role === 'developer') system.push(...textsOf(content));
    else question = textsOf(content);
  }
  if (question === null || lengthOf(system) + lengthOf(question) <= PREFIX_CHARS_MIN) return null;
  const instructed = system.reduce(withHead, FNV_START);
  return keyOf(question.reduce((h, text) => withTail(withHead(h, text), text), instructed));
}

const keyOf = (hash: number): string => MARK + hash.toString(36);

/** The texts of a content: itself, or its parts. */
function textsOf(content: unknown): readonly string[] {
  if (typeof content === 'string') return [content];
  if (!Array.isArray(content)) return [];
  return content
    .slice(0, LOOKED_AT_ITEMS)
    .map((part: unknown) => (part as { text?: unknown } | null)?.text)
    .filter((text) => typeof text === 'string');
}

const lengthOf = (texts: readonly string[]): number => texts.reduce((sum, text) => sum + text.length, 0);

const withHead = (h: number, text: string): number =>
  fnv1a(h ^ text.length, text, 0, Math.min(text.length, LOOKED_AT_CHARS));

const withTail = (h: number, text: string): number => fnv1a(h, text, Math.max(0, text.length - LOOKED_AT_CHARS));
