/** One `data` line of a streamed chat completion, as far as a probe cares. */
import { fieldsOf, listOf, numberOf, parseFields, textOf } from '../domain/outside.js';

export interface Chunk {
  readonly text: string;
  /** The model thinks aloud (`reasoning_content`, `reasoning`): tokens, but no answer yet. */
  readonly thought: boolean;
  readonly finish: string | null;
  readonly error: boolean;
  /** Where the engine counts without being asked. */
  readonly usage: { readonly prompt: number; readonly completion: number } | null;
}

/** @returns `null` for `[DONE]` and for what is no JSON object */
export function readChunk(data: string): Chunk | null {
  const body = parseFields(data);
  if (body === null) return null;
  const { error, choices } = body;
  if (error !== undefined && error !== null)
    return { text: '', thought: false, finish: null, error: true, usage: null };
  const choice = fieldsOf(listOf(choices)?.[0]);
  const delta = fieldsOf(choice['delta']);
  return {
    text: words(delta['content']),
    thought: words(delta['reasoning_content']) + words(delta['reasoning']) !== '',
    finish: textOf(choice['finish_reason']),
    error: false,
    usage: usageIn(body['usage']),
  };
}

function usageIn(value: unknown): Chunk['usage'] {
  const usage = fieldsOf(value);
  const [prompt, completion] = [numberOf(usage['prompt_tokens']), numberOf(usage['completion_tokens'])];
  return prompt === null || completion === null ? null : { prompt, completion };
}

const words = (value: unknown): string => textOf(value) ?? '';
