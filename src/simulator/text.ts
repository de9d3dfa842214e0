/**
 * What a simulated model says: a pure function of the prompt, the same on every cluster and under every model name, so
 * that a caller can tell a wrong, doubled or cut answer from a right one, token by token.
 *
 * An answer opens with a token that carries the prompt's hash (`Answer 7f3a09c2:`), then one word a token. The opening
 * makes an answer recognisable inside a plain completion prompt, which is how it is continued there.
 */

/** How an answer ends when the model itself ends it. */
export type NaturalEnd = 'stop' | 'length';

export interface ExpectedAnswer {
  readonly tokens: readonly string[];
  readonly finishReason: NaturalEnd;
}

export interface AnswerLimits {
  /** `null`: as long as the model likes. */
  readonly maxTokens: number | null;
  /** Go on to `maxTokens` whatever the natural length. */
  readonly ignoreEos?: boolean;
}

export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}

const NATURAL_TOKENS_MIN = 20;
const NATURAL_TOKENS_SPREAD = 181; // 20..200 tokens
/** No answer is longer, whatever was asked for. */
export const ANSWER_TOKENS_MAX = 32_768;

const END_OF_MESSAGE = '<|end|>';
const REPEAT_ORDER = 'Repeat exactly: ';

const WORDS = (
  'amber anchor autumn basin birch bridge canyon cedar circle cloud copper coral delta desert dune echo ember fern field ' +
  'flint forest garden glacier grain granite harbor hazel heron hollow island ivory jasper juniper lagoon lantern lemon ' +
  'linen maple marble meadow mirror morning mountain north ocean olive orchard paper pebble pine plain quartz quiet rain ' +
  'ridge river saffron silver stone thunder valley willow'
).split(' ');

const GARBAGE = ['\u0e01', ' \ufffd', ' lorem', ' !!', '\u5b57', ' 0x00', ' NaN', ' the the'];

/** The prompt's identity for a chat: every role and content, in order. */
export function promptKeyOfChat(messages: readonly ChatMessage[]): string {
  return messages.map((message) => `<|${message.role}|>${message.content}${END_OF_MESSAGE}`).join('');
}

/** The whole answer to a prompt. A last message `Repeat exactly: <words>` is answered with `<words>`. */
export function expectedAnswer(promptKey: string, limits: AnswerLimits): ExpectedAnswer {
  const limit = Math.min(limits.maxTokens ?? ANSWER_TOKENS_MAX, ANSWER_TOKENS_MAX);
  const ordered = wordsToRepeat(promptKey);
  if (ordered !== null) {
    const tokens = ordered.match(/\s*\S+/gu) ?? [];
    return { tokens: tokens.slice(0, limit), finishReason: tokens.length > limit ? 'length' : 'stop' };
  }
  const hash = hashOf(promptKey);
  const natural = NATURAL_TOKENS_MIN + (mix(hash, 0x5bd1e995) % NATURAL_TOKENS_SPREAD);
  const count = limits.ignoreEos === true ? limit : Math.min(natural, limit);
  const tokens = Array.from({ length: count }, (_, index) => tokenAt(hash, index));
  return { tokens, finishReason: natural <= limit && limits.ignoreEos !== true ? 'stop' : 'length' };
}

/** The text of {@link expectedAnswer}. */
export function expectedText(promptKey: string, maxTokens: number | null): string {
  return expectedAnswer(promptKey, { maxTokens }).tokens.join('');
}

/**
 * What is left to say after `said`, exact to the character even when `said` ends inside a token. `limits.maxTokens`
 * counts new tokens only. `null` when `said` is not the beginning of this prompt's answer.
 */
export function continueAnswer(promptKey: string, said: string, limits: AnswerLimits): ExpectedAnswer | null {
  const whole = expectedAnswer(promptKey, { ...limits, maxTokens: wholeLimit(said, limits) });
  let rest = said;
  let index = 0;
  for (; index < whole.tokens.length && rest.length > 0; index += 1) {
    const token = whole.tokens[index] ?? '';
    if (!rest.startsWith(token)) break;
    rest = rest.slice(token.length);
  }
  const left = whole.tokens.slice(index);
  if (rest.length > 0) {
    const first = left[0];
    if (first === undefined || !first.startsWith(rest)) return null;
    left[0] = first.slice(rest.length);
  }
  const limit = limits.maxTokens ?? ANSWER_TOKENS_MAX;
  const cutShort = left.length > limit || whole.finishReason === 'length';
  return { tokens: left.slice(0, limit), finishReason: cutShort ? 'length' : 'stop' };
}

/** Every token has at least one character, so `said.length` tokens more than asked for are always enough. */
function wholeLimit(said: string, limits: AnswerLimits): number | null {
  return limits.maxTokens === null ? null : limits.maxTokens + said.length;
}

/**
 * A plain completion prompt that ends with the beginning of its own answer, taken apart; `said` is empty when it does
 * not. Answers to `Repeat exactly:` have no opening and cannot be recognised here.
 */
export function splitContinuedPrompt(prompt: string): { readonly key: string; readonly said: string } {
  const at = prompt.lastIndexOf('Answer ');
  if (at <= 0) return { key: prompt, said: '' };
  const key = prompt.slice(0, at);
  const said = prompt.slice(at);
  const isOurs =
    said.startsWith(tokenAt(hashOf(key), 0)) &&
    // One token more than was said is enough to compare; the whole of an endless answer costs milliseconds.
    continueAnswer(key, said, { maxTokens: 1, ignoreEos: true }) !== null;
  return isOurs ? { key, said } : { key: prompt, said: '' };
}

/** A fast, complete, plausible-looking answer with nothing right in it. */
export function garbageAnswer(count: number): ExpectedAnswer {
  const tokens = Array.from({ length: count }, (_, index) => GARBAGE[(index * 5) % GARBAGE.length] ?? '?');
  return { tokens, finishReason: 'stop' };
}

/** Length of a text in the simulated tokenizer, tokens: four characters each, as is usual for English. */
export function countTokens(text: string): number {
  return Math.ceil(text.length / 4);
}

function tokenAt(hash: number, index: number): string {
  if (index === 0) return `Answer ${hash.toString(16).padStart(8, '0')}:`;
  return ` ${WORDS[mix(hash, index) % WORDS.length] ?? 'amber'}`;
}

function wordsToRepeat(promptKey: string): string | null {
  const body = promptKey.endsWith(END_OF_MESSAGE) ? promptKey.slice(0, -END_OF_MESSAGE.length) : promptKey;
  const at = body.lastIndexOf(REPEAT_ORDER);
  if (at < 0) return null;
  const words = body.slice(at + REPEAT_ORDER.length).trim();
  return words === '' || words.includes(END_OF_MESSAGE) ? null : words;
}

/** FNV-1a, 32 bits: short, and good enough to tell prompts apart. */
export function hashOf(text: string, seed = 0x811c9dc5): number {
  let hash = seed;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/** Murmur's finaliser over two numbers: neighbours give unrelated results. */
function mix(a: number, b: number): number {
  let value = a ^ Math.imul(b, 0x9e3779b1);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
