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
  /** The engine can return token ids (`return_token_ids`) and take them as a prompt: closer than text, which re-tokenises. */
  readonly tokenIds: boolean;
  /** How the engine counts the tokens of a text; `null`: it cannot, or how is not known. */
  readonly count: TokenCounting | null;
}

export interface TokenCounting {
  readonly path: string;
  readonly ask: (model: string, text: string) => Readonly<Record<string, unknown>>;
  /** The number in the engine's answer; `null` when it is not there. */
  readonly read: (answer: Readonly<Record<string, unknown>>) => number | null;
}

/** Measured on vLLM 0.32; without the flag a template's special tokens count too. */
const VLLM_COUNTS: TokenCounting = {
  path: '/tokenize',
  ask: (model, prompt) => ({ model, prompt, add_special_tokens: false }),
  read: ({ count }) => (typeof count === 'number' ? count : null),
};

/** Measured on llama-server. */
const LLAMACPP_COUNTS: TokenCounting = {
  path: '/tokenize',
  ask: (_model, content) => ({ content, add_special: false }),
  read: ({ tokens }) => (Array.isArray(tokens) ? tokens.length : null),
};

/** Both are needed: without them a new turn begins, with only the second one the request is refused. */
const UNFINISHED_TURN = { add_generation_prompt: false, continue_final_message: true } as const;

/** Measured on vLLM 0.32: exact at every cut of 160 characters, streamed and not. */
export const VLLM_CONTINUES: ContinuationRules = {
  chat: { fields: UNFINISHED_TURN },
  completions: true,
  unstreamed: 'rest',
  tokenIds: true,
  count: VLLM_COUNTS,
};

/** SGLang documents `continue_final_message`; the other field it does not need and does not mind. */
export const SGLANG_CONTINUES: ContinuationRules = {
  chat: { fields: UNFINISHED_TURN },
  completions: true,
  unstreamed: 'rest',
  tokenIds: false,
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
  tokenIds: false,
  count: LLAMACPP_COUNTS,
};

/** A text completion goes on from any prompt; what a chat request with an unfinished turn does is not known. */
export const TEXT_ONLY_CONTINUES: ContinuationRules = {
  chat: null,
  completions: true,
  unstreamed: 'rest',
  tokenIds: false,
  count: null,
};

/** Nothing is known of the engine. */
export const NEVER_CONTINUES: ContinuationRules = {
  chat: null,
  completions: false,
  unstreamed: null,
  tokenIds: false,
  count: null,
};
