/**
 * What a request costs of a limit in tokens. When it comes only its own words are known; when its answer is over, mostly
 * what the engine counted. What nobody counted is estimated: unknown is not nothing.
 */

/** A rule of thumb for all models and languages. */
const CHARS_PER_TOKEN = 4;
/** No model answers as much; with numbers beyond all bounds nothing could be reckoned. */
const ANSWER_MAX = 1_000_000_000;
/** Messages, their content, its parts, a tool's result in them. */
const DEPTH_MAX = 5;

export interface ExpectedTokens {
  /** Of the prompt, by its length. */
  readonly prompt: number;
  /** More cannot be answered; `null`: the caller set no limit. */
  readonly answerMax: number | null;
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

/** `answers`: how many of them were asked for. */
export function tokensExpected(request: unknown, answers: number): ExpectedTokens {
  if (typeof request !== 'object' || request === null) return { prompt: 0, answerMax: null };
  const { messages, prompt, input, instructions, ...rest } = request as Readonly<Record<string, unknown>>;
  const texts = [messages, prompt, input, instructions];
  const max = rest['max_completion_tokens'] ?? rest['max_output_tokens'] ?? rest['max_tokens'];
  return {
    prompt: Math.ceil(texts.reduce<number>((sum, value) => sum + tokensIn(value, DEPTH_MAX), 0)),
    answerMax: typeof max === 'number' && max >= 0 ? bounded(max * answers) : null,
  };
}

/** Reserved until the answer is over. */
export const tokensReserved = ({ prompt, answerMax }: ExpectedTokens): number => prompt + (answerMax ?? 0);

/** `null`: the caller was answered with an error. */
export function tokensSpent(expected: ExpectedTokens, answered: AnsweredTokens | null): number {
  if (answered === null) return 0;
  return (answered.prompt ?? expected.prompt) + (answered.completion ?? completionOf(expected, answered));
}

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
