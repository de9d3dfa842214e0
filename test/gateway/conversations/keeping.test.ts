/** Answers on their way into a store that takes nothing are bounded in number and in bytes. */
import { expect, test } from 'vitest';
import { Conversations } from '../../../src/gateway/conversations/conversations.js';
import type { ConversationStore } from '../../../src/gateway/conversations/store.js';
import { retainedBytes } from '../../kit/retained-bytes.js';

test('a store that takes nothing does not fill the process', () => {
  const never = async (): Promise<never> => await new Promise<never>(() => undefined);
  const texts: string[] = [];
  const store: ConversationStore = {
    get: never,
    delete: never,
    close: async () => await Promise.resolve(),
    put: async (_key, text) => {
      texts.push(text);
      return await never();
    },
  };
  const kept = new Conversations(store, () => undefined);
  const before = retainedBytes();
  for (let i = 0; i < 200; i += 1) {
    const response = { id: `resp_${i}`, status: 'completed', output: [`${i}`.padEnd(1_000_000, 'x')] };
    const asked = { kind: 'turn', previousId: null, input: [], keeps: true } as const;
    void kept.keep({ owner: { service: 'chat', caller: 'me' }, asked, earlier: [], affinity: null }, response);
  }
  expect(texts.length).toBeGreaterThan(60);
  expect(retainedBytes() - before).toBeLessThan(70 * 1024 * 1024);
});
