/**
 * How an answer that broke off after its first token can be continued by an engine, as data. Whoever continues decides
 * whether it may (tool calls, guided decoding, another model … forbid it anywhere); this only says what the engine needs.
 */
export interface ContinuationRules {
  /**
   * `/v1/chat/completions`: the messages end with `{"role":"assistant","content":<what was said>}`, and the request carries
   * these fields. `null`: the engine would answer anew, or what it does is not known.
   */
  readonly chat: { readonly fields: Readonly<Record<string, boolean>> } | null;
  /** `/v1/completions`: the prompt is the old prompt followed by what was said, as text. */
  readonly completions: boolean;
  /**
   * What comes back for a request that is not streamed: only the rest, or the said part again with the rest behind it.
   * A stream brings only the rest, given the fields above. `null`: not known; stream instead.
   */
  readonly unstreamed: 'rest' | 'said-and-rest' | null;
  /** The engine tells token ids (`return_token_ids`) and takes them as a prompt: exact, where text is tokenized anew. */
  readonly tokenIds: TokenIdRules | null;
  /** Longest answer of `/v1/completions` when the caller sets no limit, tokens; `null`: none, or not known. */
  readonly completionTokens: number | null;
  /** How the engine counts the tokens of a text; `null`: it cannot, or how is not known. */
  readonly count: TokenCounting | null;
}

/** What an engine can be asked beside its answers. */
export interface EngineQuestion<Of, Told> {
  readonly path: string;
  readonly ask: (model: string, of: Of) => Readonly<Record<string, unknown>>;
  /** What the engine's answer tells; `null` when it is not there. */
  readonly read: (answer: Readonly<Record<string, unknown>>) => Told | null;
}

export type TokenCounting = EngineQuestion<string, number>;

export interface TokenIdRules {
  /** A part of a character at the end stands as U+FFFD. */
  readonly textOf: EngineQuestion<readonly number[], string>;
  /** Longest prompt and answer together. */
  readonly contextTokens: EngineQuestion<null, number>;
}

/** No context is as long. */
const CONTEXT_TOKENS_END = 2 ** 31;

/** Measured on vLLM 0.32; without the flag a template's special tokens count too. */
const VLLM_COUNTS: TokenCounting = {
  path: '/tokenize',
  ask: (model, prompt) => ({ model, prompt, add_special_tokens: false }),
  read: ({ count }) => (typeof count === 'number' ? count : null),
};

const isLength = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 && value < CONTEXT_TOKENS_END;

/** Measured on vLLM 0.32. What counts tokens knows the context too, and wants no key where `/v1/models` wants one. */
const VLLM_IDS: TokenIdRules = {
  textOf: {
    path: '/detokenize',
    ask: (model, tokens) => ({ model, tokens }),
    read: ({ prompt }) => (typeof prompt === 'string' ? prompt : null),
  },
  contextTokens: {
    path: '/tokenize',
    ask: (model) => ({ model, prompt: '.' }),
    read: ({ max_model_len: tokens }) => (isLength(tokens) ? tokens : null),
  },
};

/** Measured on llama-server. */
const LLAMACPP_COUNTS: TokenCounting = {
  path: '/tokenize',
  ask: (_model, content) => ({ content, add_special: false }),
  read: ({ tokens }) => (Array.isArray(tokens) ? tokens.length : null),
};

/** Both are needed: without them a new turn begins, with only the second one the request is refused. */
const UNFINISHED_TURN = { add_generation_prompt: false, continue_final_message: true } as const;

/** Measured on vLLM 0.32: exact at every cut of 160 characters, streamed and not; without `max_tokens` 16 tokens. */
export const VLLM_CONTINUES: ContinuationRules = {
  chat: { fields: UNFINISHED_TURN },
  completions: true,
  unstreamed: 'rest',
  tokenIds: VLLM_IDS,
  completionTokens: 16,
  count: VLLM_COUNTS,
};

/** SGLang documents `continue_final_message`; the other field it does not need and does not mind. */
export const SGLANG_CONTINUES: ContinuationRules = {
  chat: { fields: UNFINISHED_TURN },
  completions: true,
  unstreamed: 'rest',
  tokenIds: null,
  completionTokens: null,
  count: null,
};

/**
 * Measured on llama-server (llama.cpp of 0.3.36's source package): a trailing assistant message is always continued, but
 * without the fields a stream says the old part again, in one frame with the first new token.
 */
export const LLAMACPP_CONTINUES: ContinuationRules = {
  chat: { fields: UNFINISHED_TURN },
  completions: true,
  unstreamed: 'said-and-rest',
  tokenIds: null,
  completionTokens: null,
  count: LLAMACPP_COUNTS,
};

/** A text completion goes on from any prompt; what a chat request with an unfinished turn does is not known. */
export const TEXT_ONLY_CONTINUES: ContinuationRules = {
  chat: null,
  completions: true,
  unstreamed: 'rest',
  tokenIds: null,
  completionTokens: null,
  count: null,
};

/** Nothing is known of the engine. */
export const NEVER_CONTINUES: ContinuationRules = {
  chat: null,
  completions: false,
  unstreamed: null,
  tokenIds: null,
  completionTokens: null,
  count: null,
};
