/** The requests of the load generator, each with the answer that is right. Pure: the number of a request decides all. */
import { expectedAnswer, promptKeyOfChat, type ChatMessage, type ExpectedAnswer } from './text.js';

/**
 * `short`: one question. `shared`: a long system prompt that many requests share. `chat`: a conversation with earlier
 * turns. `completion`: a plain prompt on /v1/completions. `repeat`: `Repeat exactly: …`.
 */
export const PROMPT_KINDS = ['short', 'shared', 'chat', 'completion', 'repeat'] as const;
export type PromptKind = (typeof PROMPT_KINDS)[number];

export interface PromptOrder {
  readonly kind: PromptKind;
  /** Running number of the request; makes every prompt unlike the others. */
  readonly number: number;
  /** Sets two runs apart. */
  readonly run: string;
  readonly model: string;
  readonly maxTokens: number;
  /** The answer ends at `maxTokens` only. */
  readonly ignoreEos: boolean;
  readonly stream: boolean;
}

export interface LoadPrompt {
  readonly path: '/v1/chat/completions' | '/v1/completions';
  readonly body: string;
  readonly expected: ExpectedAnswer;
}

const SYSTEM_PROMPTS = 4;
const SYSTEM_PROMPT = 'You answer for the help desk of a harbour. Be brief, be kind, and name the pier. '.repeat(12);

export function loadPrompt(order: PromptOrder): LoadPrompt {
  const { model, maxTokens, ignoreEos, stream } = order;
  const limits = { maxTokens, ignoreEos };
  const common = { model, max_tokens: maxTokens, stream, temperature: 0, ...(ignoreEos && { ignore_eos: true }) };
  if (order.kind === 'completion') {
    const prompt = `Log entry ${order.run}/${String(order.number)} continues: `;
    return {
      path: '/v1/completions',
      body: JSON.stringify({ ...common, prompt }),
      expected: expectedAnswer(prompt, limits),
    };
  }
  const messages = messagesOf(order);
  const expected = expectedAnswer(promptKeyOfChat(messages), limits);
  return { path: '/v1/chat/completions', body: JSON.stringify({ ...common, messages }), expected };
}

function messagesOf({ kind, number, run }: PromptOrder): ChatMessage[] {
  const question = `Question ${run}/${String(number)}: where does the ferry leave?`;
  const user = (content: string): ChatMessage => ({ role: 'user', content });
  switch (kind) {
    case 'shared':
      return [{ role: 'system', content: `Desk ${String(number % SYSTEM_PROMPTS)}. ${SYSTEM_PROMPT}` }, user(question)];
    case 'chat':
      return [
        user('Good morning.'),
        { role: 'assistant', content: 'Good morning. What can I do for you?' },
        user(question),
      ];
    case 'repeat':
      return [user(`Repeat exactly: ferry ${String(number)} leaves from pier ${String(number % 9)}`)];
    case 'short':
    case 'completion':
      return [user(question)];
  }
}
