/** `POST /tokenize` as vLLM has it: how a text falls into the tokens in which the simulated model speaks. Pure. */
import { fieldsOf, wordOf } from '../domain/outside.js';
import { ApiError } from './http-answers.js';
import { hashOf } from './text.js';

/** An answer's opening is one token, each word with the space before it another. */
const TOKEN = /Answer [0-9a-f]{8}:|\s*\S+|\s+/gu;
/** As many tokens as Llama 3 knows. */
const VOCABULARY = 128_256;

export interface TokenizeAnswer {
  readonly count: number;
  readonly max_model_len: number;
  readonly tokens: readonly number[];
}

/** @throws ApiError 404 for another model, 400 when `prompt` is no text */
export function answerTokenize(
  body: unknown,
  serving: { readonly model: string; readonly contextTokensMax: number },
): TokenizeAnswer {
  const { model = serving.model, prompt } = fieldsOf(body);
  if (model !== serving.model)
    throw new ApiError(404, 'NotFoundError', `The model \`${wordOf(model)}\` does not exist.`);
  if (typeof prompt !== 'string') throw new ApiError(400, 'BadRequestError', '`prompt` must be a text.');
  const tokens = (prompt.match(TOKEN) ?? []).map((token) => hashOf(token) % VOCABULARY);
  return { count: tokens.length, max_model_len: serving.contextTokensMax, tokens };
}
