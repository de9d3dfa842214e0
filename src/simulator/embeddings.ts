/** `POST /v1/embeddings`: vectors that are a pure function of the text, the same on every cluster. Pure. */
import { wordOf } from '../domain/outside.js';
import { ApiError } from './http-answers.js';
import { countTokens, hashOf } from './text.js';

/** Short enough to be compared number by number, long enough that different texts lie apart. */
export const EMBEDDING_DIMENSIONS = 16;
/** As many as OpenAI takes in one request. */
const INPUTS_MAX = 2_048;

export interface EmbeddingsAnswer {
  readonly object: 'list';
  readonly model: string;
  readonly data: readonly {
    readonly object: 'embedding';
    readonly index: number;
    readonly embedding: readonly number[] | string;
  }[];
  readonly usage: { readonly prompt_tokens: number; readonly total_tokens: number };
}

/** The right vector of a text, of length 1; its numbers are exact in 32 bits. */
export function expectedEmbedding(text: string): readonly number[] {
  const raw = Array.from({ length: EMBEDDING_DIMENSIONS }, (_, i) => hashOf(`${i}:${text}`) / 0xffff_ffff - 0.5);
  const length = Math.hypot(...raw);
  return raw.map((value) => Math.fround(value / length));
}

/**
 * @throws ApiError 404 for another model, 400 for everything else that is the caller's fault
 */
export function answerEmbeddings(body: unknown, model: string): EmbeddingsAnswer {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw badRequest('the body must be a JSON object');
  const { model: asked = model, input, encoding_format: format = 'float' } = body as Record<string, unknown>;
  if (asked !== model) throw new ApiError(404, 'NotFoundError', `The model \`${wordOf(asked)}\` does not exist.`);
  if (format !== 'float' && format !== 'base64') throw badRequest('`encoding_format` must be float or base64.');
  const texts = readTexts(input);
  const tokens = texts.reduce((sum, text) => sum + countTokens(text), 0);
  return {
    object: 'list',
    model,
    data: texts.map((text, index) => ({ object: 'embedding', index, embedding: encoded(text, format) })),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}

function readTexts(input: unknown): readonly string[] {
  const texts: readonly unknown[] = Array.isArray(input) ? input : [input];
  const isText = (text: unknown): text is string => typeof text === 'string' && text !== '';
  if (texts.length === 0 || texts.length > INPUTS_MAX || !texts.every(isText))
    throw badRequest(`\`input\` must be a text that is not empty, or a list of 1 to ${String(INPUTS_MAX)} of them.`);
  return texts;
}

/** base64: the numbers as 32-bit floats, little-endian. */
function encoded(text: string, format: 'float' | 'base64'): readonly number[] | string {
  const vector = expectedEmbedding(text);
  if (format === 'float') return vector;
  const bytes = Buffer.alloc(vector.length * 4);
  vector.forEach((value, i) => bytes.writeFloatLE(value, i * 4));
  return bytes.toString('base64');
}

function badRequest(message: string): ApiError {
  return new ApiError(400, 'BadRequestError', message);
}
