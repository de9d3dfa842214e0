/**
 * Makes the frames of a continuing answer look as if they came from the answer that broke off: its identity, no second
 * role, and a usage that counts both.
 */
import { isFields, type Fields } from '../outside.js';

export type Frame = Fields;

/** By these a caller knows which answer a frame belongs to. */
const IDENTITY = ['id', 'object', 'created', 'model'] as const;

/** Where engines tell token ids, in a choice. */
const IDS: readonly string[] = ['token_ids', 'prompt_token_ids'];

/** What was said before the continuing answer began. */
export interface SpokenBefore {
  readonly identity: Frame;
  /** Tokens that were said. */
  readonly tokens: number;
  /** Tokens of the caller's own prompt, where the broken answer told them. */
  readonly promptTokens: number | null;
  /** What comes are frames of `/v1/completions`, and the caller reads a chat. */
  readonly toChat: boolean;
  /** The gateway had asked for token ids, not the caller. */
  readonly hidesIds: boolean;
}

/** Longer ones are no engine's; each frame of the rest would repeat them. */
const IDENTITY_CHARS_MAX = 512;

const isShort = (value: unknown): boolean =>
  typeof value === 'number' || (typeof value === 'string' && value.length <= IDENTITY_CHARS_MAX);

/** The fields of a frame that every later one must repeat. */
export function identityOf(frame: Frame): Frame {
  const known = IDENTITY.filter((key) => isShort(frame[key]));
  return Object.fromEntries(known.map((key) => [key, frame[key]]));
}

/** The frame as the caller should see it; `null` when it only opens an answer that for the caller is open already. */
export function spliceFrame(frame: Frame, before: SpokenBefore): Frame | null {
  const { choices, usage } = frame;
  const opens = Array.isArray(choices) && choices.length > 0 && choices.every(isOpening);
  if (opens) return null;
  return {
    ...frame,
    ...before.identity,
    ...(Array.isArray(choices) ? { choices: choices.map((choice) => splicedChoice(choice, before)) } : {}),
    ...(isFields(usage) ? { usage: mergedUsage(usage, before) } : {}),
  };
}

/** A first frame that says nothing but the role: an empty delta without an end. */
export function isOpening(choice: unknown): boolean {
  if (!isFields(choice) || (choice['finish_reason'] ?? null) !== null) return false;
  const delta = choice['delta'];
  if (!isFields(delta)) return false;
  return Object.entries(delta).every(([key, value]) => key === 'role' || value === null || value === '');
}

/**
 * The continuing engine counts what was said as a part of its prompt. Its total is right as it is; of its prompt the said
 * tokens move to the answer. Engines that read the text anew may count some tokens more or less than were said.
 */
export function mergedUsage(usage: Frame, before: SpokenBefore): Frame {
  const { prompt_tokens: prompt, completion_tokens: rest } = usage;
  if (typeof prompt !== 'number' || typeof rest !== 'number') return usage;
  const promptTokens = before.promptTokens ?? Math.max(0, prompt - before.tokens);
  const completionTokens = before.tokens + rest;
  return {
    ...usage,
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    ...cachedWithin(usage['prompt_tokens_details'], promptTokens),
  };
}

/** No more of the prompt can have been cached than there is. */
function cachedWithin(details: unknown, promptTokens: number): Frame {
  if (!isFields(details) || typeof details['cached_tokens'] !== 'number') return {};
  return {
    prompt_tokens_details: { ...details, cached_tokens: Math.min(details['cached_tokens'], promptTokens) },
  };
}

function splicedChoice(choice: unknown, { toChat, hidesIds }: SpokenBefore): unknown {
  if (!isFields(choice)) return choice;
  const own = withoutRole(toChat ? chatChoice(choice) : choice);
  if (!hidesIds) return own;
  // An engine that was not asked says `null` for both.
  return Object.fromEntries(Object.entries(own).map(([key, value]) => [key, IDS.includes(key) ? null : value]));
}

/** Some engines repeat the role in every frame; one is enough, and the caller has it. */
function withoutRole(choice: Frame): Frame {
  if (!isFields(choice['delta']) || !('role' in choice['delta'])) return choice;
  const delta = Object.entries(choice['delta']).filter(([key]) => key !== 'role');
  return { ...choice, delta: Object.fromEntries(delta) };
}

/** The prompt was told with the first frame of a chat, which its caller has; the reason of a stop comes with the end. */
function chatChoice({ index, text, finish_reason: end = null, ...rest }: Frame): Frame {
  const more = Object.entries(rest).filter(
    ([key]) => key !== 'prompt_token_ids' && (key !== 'stop_reason' || end !== null),
  );
  return { index, delta: { content: text }, finish_reason: end, ...Object.fromEntries(more) };
}
