/** The APIs that the gateway knows: a request, an answer in one piece and one as events, each as it should be. */
import type { Random } from '../../sim/random.js';

/** Stands for the words by which one caller is told from all others; as long as they are. */
export const MARK = 'MARK-MARK-MARK-MA';

export interface Event {
  readonly event?: string;
  readonly data: unknown;
}

export interface Family {
  readonly name: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** `null`: a request without a body. */
  readonly request: object | null;
  readonly answer: object;
  /** Events of the streamed answer; none where it is never streamed. */
  readonly events: readonly Event[];
}

const USAGE = { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 };
const chunk = (choice: object): Event => ({
  data: { id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'fz', choices: [{ index: 0, ...choice }] },
});
const said = (content: string): Event => chunk({ delta: { content }, finish_reason: null, token_ids: [7] });
const text = (content: string, reason: string | null = null): Event => chunk({ text: content, finish_reason: reason });
const DONE: Event = { data: '[DONE]' };

const chat: Family = {
  name: 'chat',
  method: 'POST',
  path: '/v1/chat/completions',
  request: {
    model: 'fz',
    messages: [
      { role: 'system', content: 'be brief' },
      { role: 'user', content: MARK },
    ],
    max_tokens: 40,
    user: 'u1',
  },
  answer: {
    id: 'c1',
    object: 'chat.completion',
    model: 'fz',
    choices: [{ index: 0, message: { role: 'assistant', content: MARK }, finish_reason: 'stop', logprobs: null }],
    usage: USAGE,
  },
  events: [
    chunk({ delta: { role: 'assistant', content: '' }, finish_reason: null }),
    said(MARK),
    said(' three'),
    said(' w\xc3\xb6rds'),
    chunk({ delta: {}, finish_reason: 'stop' }),
    { data: { id: 'c1', choices: [], usage: USAGE } },
    DONE,
  ],
};

const tool = { type: 'function', function: { name: 'f', parameters: { type: 'object', properties: {} } } };
const call = { index: 0, id: 't1', type: 'function', function: { name: 'f', arguments: '{"a":' } };

const tools: Family = {
  ...chat,
  name: 'chat-tools',
  request: { ...chat.request, tools: [tool], tool_choice: 'auto', n: 2 },
  events: [
    chunk({ delta: { role: 'assistant', tool_calls: [call] }, finish_reason: null }),
    chunk({ index: 1, delta: { reasoning_content: MARK }, finish_reason: null }),
    chunk({ index: 1, delta: {}, finish_reason: 'length' }),
    chunk({ delta: {}, finish_reason: 'tool_calls' }),
    DONE,
  ],
};

const completions: Family = {
  name: 'completions',
  method: 'POST',
  path: '/v1/completions',
  request: { model: 'fz', prompt: MARK, max_tokens: 20, stop: ['\n\n'], logprobs: 1 },
  answer: { id: 'c1', choices: [{ index: 0, text: MARK, finish_reason: 'length' }], usage: USAGE },
  events: [text(MARK), text(' two'), text(' three', 'length'), DONE],
};

const completionIds: Family = {
  ...completions,
  name: 'completions-ids',
  request: { model: 'fz', prompt: [1, 2, 3, 4], max_tokens: 20, user: MARK },
};

const item = { id: 'm1', type: 'message', role: 'assistant', content: [{ type: 'output_text', text: MARK }] };
const response = { id: 'resp_1', object: 'response', status: 'completed', model: 'fz', output: [item], error: null };

const responses: Family = {
  name: 'responses',
  method: 'POST',
  path: '/v1/responses',
  request: { model: 'fz', input: MARK, store: true, previous_response_id: null, tools: [] },
  answer: { ...response, usage: { input_tokens: 3, output_tokens: 2, total_tokens: 5 } },
  events: [
    { event: 'response.created', data: { type: 'response.created', response: { ...response, output: [] } } },
    {
      event: 'response.output_text.delta',
      data: { type: 'response.output_text.delta', item_id: 'm1', output_index: 0, delta: MARK },
    },
    { event: 'response.completed', data: { type: 'response.completed', response } },
  ],
};

const input = [
  { role: 'user', content: [{ type: 'input_text', text: MARK }] },
  { type: 'function_call_output', call_id: 't1', output: '{}' },
];

const responseItems: Family = {
  ...responses,
  name: 'responses-items',
  request: { model: 'fz', input, instructions: 'be brief', conversation: { id: 'conv_1' }, metadata: { a: '1' } },
};

const messages: Family = {
  name: 'messages',
  method: 'POST',
  path: '/v1/messages',
  request: { model: 'fz', max_tokens: 20, system: 'be brief', messages: [{ role: 'user', content: MARK }] },
  answer: {
    id: 'm1',
    type: 'message',
    role: 'assistant',
    content: [{ type: 'text', text: MARK }],
    stop_reason: 'end_turn',
  },
  events: [
    { event: 'message_start', data: { type: 'message_start', message: { id: 'm1', role: 'assistant', content: [] } } },
    { event: 'ping', data: { type: 'ping' } },
    {
      event: 'content_block_delta',
      data: { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: MARK } },
    },
    { event: 'message_delta', data: { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: USAGE } },
    { event: 'message_stop', data: { type: 'message_stop' } },
  ],
};

const embeddings: Family = {
  name: 'embeddings',
  method: 'POST',
  path: '/v1/embeddings',
  request: { model: 'fz', input: [MARK, 'b'], encoding_format: 'float' },
  answer: {
    object: 'list',
    data: [{ object: 'embedding', index: 0, embedding: [0.1, -0.2] }],
    model: MARK,
    usage: USAGE,
  },
  events: [],
};

const rerank: Family = {
  name: 'rerank',
  method: 'POST',
  path: '/v1/rerank',
  request: { model: 'fz', query: MARK, documents: ['a', 'b'], top_n: 1 },
  answer: { id: 'r1', results: [{ index: 0, relevance_score: 0.9, document: { text: MARK } }], usage: USAGE },
  events: [],
};

const audio: Family = {
  name: 'audio',
  method: 'POST',
  path: '/v1/audio/transcriptions',
  request: { model: 'fz', file: MARK, response_format: 'json' },
  answer: { text: MARK },
  events: [
    { data: { type: 'transcript.text.delta', delta: MARK } },
    { data: { type: 'transcript.text.done', text: MARK } },
  ],
};

const tokenize: Family = {
  name: 'tokenize',
  method: 'POST',
  path: '/v1/tokenize',
  request: { model: 'fz', prompt: MARK },
  answer: { count: 3, max_model_len: 4_096, tokens: [1, 2, 3], prompt: MARK },
  events: [],
};

const models: Family = {
  name: 'models',
  method: 'GET',
  path: '/v1/models',
  request: null,
  answer: { object: 'list', data: [{ id: MARK, object: 'model', created: 1, owned_by: 'x' }] },
  events: [],
};

const images: Family = {
  name: 'images',
  method: 'POST',
  path: '/v1/images/generations',
  request: { model: 'fz', prompt: MARK, size: '1x1' },
  answer: { created: 1, data: [{ b64_json: MARK }] },
  events: [],
};

/** Those with most code behind them come oftener. */
const WEIGHED: readonly (readonly [Family, number])[] = [
  [chat, 8],
  [tools, 2],
  [completions, 4],
  [completionIds, 1],
  [responses, 5],
  [responseItems, 2],
  [messages, 2],
  [embeddings, 1],
  [rerank, 1],
  [audio, 1],
  [tokenize, 1],
  [models, 1],
  [images, 1],
];

const DRAWN: readonly Family[] = WEIGHED.flatMap(([one, weight]) => new Array<Family>(weight).fill(one));

export const family = (random: Random): Family => random.pick(DRAWN);
