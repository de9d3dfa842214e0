/** One `data` line of a streamed chat completion, as far as a probe cares. */
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
  let body: unknown;
  try {
    body = JSON.parse(data);
  } catch {
    return null;
  }
  if (typeof body !== 'object' || body === null) return null;
  const { error, choices } = body as { error?: unknown; choices?: unknown };
  if (error !== undefined && error !== null)
    return { text: '', thought: false, finish: null, error: true, usage: null };
  const choice = (Array.isArray(choices) ? choices[0] : undefined) as Record<string, unknown> | undefined;
  const delta = (choice?.['delta'] ?? {}) as Record<string, unknown>;
  const finish = choice?.['finish_reason'];
  return {
    text: words(delta['content']),
    thought: words(delta['reasoning_content']) + words(delta['reasoning']) !== '',
    finish: typeof finish === 'string' ? finish : null,
    error: false,
    usage: usageIn((body as { usage?: unknown }).usage),
  };
}

function usageIn(value: unknown): Chunk['usage'] {
  const { prompt_tokens: prompt, completion_tokens: completion } = (value ?? {}) as Record<string, unknown>;
  return typeof prompt === 'number' && typeof completion === 'number' ? { prompt, completion } : null;
}

const words = (value: unknown): string => (typeof value === 'string' ? value : '');
