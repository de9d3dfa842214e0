/**
 * What a request costs of a limit in tokens. When it comes only its own words are known; when its answer is over, mostly
 * what the engine counted. What nobody counted is estimated: unknown is not nothing.
 */

/** A rule of thumb for all models and languages. */
const CHARS_PER_TOKEN = 4;
/** No model answers as much; with numbers beyond all bounds nothing could be reckoned. */
const ANSWER_MAX = 1_000_000_000;
/** What templates, instructions of the engine's own and special tokens add to a prompt, beyond its bytes. */
const TEMPLATE_TOKENS_MAX = 4_096;
/** A picture or a sound is a few bytes of address, and many tokens. */
const ATTACHMENT_TOKENS_MAX = 32_768;
/** Thoughts that an engine counts and keeps to itself, for an answer without a limit. */
const HIDDEN_TOKENS_MAX = 16_384;
/** Answers of one request that may have such thoughts. */
const ANSWERS_MAX = 128;
/** Messages, their content, its parts, a tool's result in them. */
const DEPTH_MAX = 5;

export interface ExpectedTokens {
  /** Of the prompt, by its length. */
  readonly prompt: number;
  /** More cannot be answered; `null`: the caller set no limit. */
  readonly answerMax: number | null;
  /** What an engine claims to have read beyond this is not believed: a token is a byte at least. */
  readonly promptMax: number;
  /** What it may have said without anybody seeing it, where nothing limits its answer. */
  readonly hiddenMax: number;
}

export interface AskedTokens {
  /** The request, as it was parsed. */
  readonly request: unknown;
  /** How many of them were asked for. */
  readonly answers: number;
  /** Of the request as its cluster gets it. */
  readonly bytes: number;
}

/** What is known of an answer that a caller was given, whole or in part. */
export interface AnsweredTokens {
  /** As the engine counted them; `null`: it did not say. */
  readonly prompt: number | null;
  readonly completion: number | null;
  /** Events of a stream; none: it came in one piece. */
  readonly frames: number;
  /** Bytes of a text; 0 for what is none (vectors, sounds). */
  readonly bytes: number;
}

export function tokensExpected({ request, answers, bytes }: AskedTokens): ExpectedTokens {
  const hiddenMax = HIDDEN_TOKENS_MAX * Math.min(Math.max(answers, 1), ANSWERS_MAX);
  const textMax = bytes + TEMPLATE_TOKENS_MAX;
  if (typeof request !== 'object' || request === null)
    return { prompt: 0, answerMax: null, promptMax: textMax, hiddenMax };
  const { messages, prompt, input, instructions, ...rest } = request as Readonly<Record<string, unknown>>;
  const texts = [messages, prompt, input, instructions];
  const max = rest['max_completion_tokens'] ?? rest['max_output_tokens'] ?? rest['max_tokens'];
  return {
    prompt: Math.ceil(texts.reduce<number>((sum, value) => sum + tokensIn(value, DEPTH_MAX), 0)),
    answerMax: typeof max === 'number' && max >= 0 ? bounded(max * answers) : null,
    promptMax: textMax + ATTACHMENT_TOKENS_MAX * attachmentsIn([messages, input], DEPTH_MAX),
    hiddenMax,
  };
}

/** Reserved until the answer is over. */
export const tokensReserved = ({ prompt, answerMax }: ExpectedTokens): number => prompt + (answerMax ?? 0);

/**
 * `null`: the caller was answered with an error. What an engine claims is believed as far as it can be for what was asked:
 * a number out of nowhere would lock the caller out for years, and one below zero give it tokens.
 */
export function tokensSpent(expected: ExpectedTokens, answered: AnsweredTokens | null): number {
  if (answered === null) return 0;
  const { bytes, frames } = answered;
  const completionMax = expected.answerMax ?? bytes + frames + expected.hiddenMax;
  const prompt = claimed(answered.prompt, expected.promptMax);
  const completion = claimed(answered.completion, completionMax);
  return (prompt ?? expected.prompt) + (completion ?? completionOf(expected, { ...answered, prompt }));
}

/** `null`: it said nothing, or nothing that could be a number of tokens. */
const claimed = (tokens: number | null, max: number): number | null =>
  tokens !== null && tokens >= 0 ? Math.min(Math.floor(tokens), max) : null;

function completionOf({ answerMax }: ExpectedTokens, { prompt, frames, bytes }: AnsweredTokens): number {
  // It counted, and names no tokens of an answer: embeddings have none.
  if (prompt !== null) return 0;
  return Math.min(frames > 0 ? frames : Math.ceil(bytes / CHARS_PER_TOKEN), answerMax ?? Infinity);
}

const bounded = (tokens: number): number => (tokens < ANSWER_MAX ? tokens : ANSWER_MAX);

/** Pictures and sounds are no text: what they cost only the engine knows. */
function tokensIn(value: unknown, depth: number): number {
  if (typeof value === 'string') return value.length / CHARS_PER_TOKEN;
  if (typeof value === 'number') return 1; // a prompt in tokens
  if (typeof value !== 'object' || value === null || depth === 0) return 0;
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + tokensIn(item, depth - 1), 0);
  const { content, text } = value as { content?: unknown; text?: unknown };
  return tokensIn(content, depth - 1) + tokensIn(text, depth - 1);
}

/** Parts of contents that are no text. */
function attachmentsIn(value: unknown, depth: number): number {
  if (typeof value !== 'object' || value === null || depth === 0) return 0;
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + attachmentsIn(item, depth - 1), 0);
  const { content, text } = value as { content?: unknown; text?: unknown };
  return content === undefined && text === undefined ? 1 : attachmentsIn(content, depth - 1);
}
