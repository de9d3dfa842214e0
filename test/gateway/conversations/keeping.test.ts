/** Answers on their way into a store that takes nothing are bounded, in number and in bytes; nobody takes all of the room. */
import { expect, test } from 'vitest';
import { Conversations } from '../../../src/gateway/conversations/conversations.js';
import type { ConversationStore } from '../../../src/gateway/conversations/store.js';
import { retainedBytes } from '../../kit/retained-bytes.js';

const never = async (): Promise<never> => await new Promise<never>(() => undefined);

/** A store that takes nothing, and what it was given. */
function stuck(): { readonly kept: Conversations; readonly keys: string[]; readonly texts: string[] } {
  const [keys, texts]: [string[], string[]] = [[], []];
  const store: ConversationStore = {
    get: never,
    delete: never,
    close: async () => await Promise.resolve(),
    put: async (key, text) => {
      keys.push(key);
      texts.push(text);
      return await never();
    },
  };
  return { kept: new Conversations(store, () => undefined), keys, texts };
}

function keep(kept: Conversations, caller: string, i: number, chars: number): void {
  const response = { id: `resp_${i}`, status: 'completed', output: [`${i}`.padEnd(chars, 'x')] };
  const asked = { previousId: null, keeps: true };
  void kept.keep({ owner: { service: 'chat', caller }, asked, said: '[]', affinity: null }, response);
}

test('a store that takes nothing does not fill the process', () => {
  const { kept, texts } = stuck();
  const before = retainedBytes();
  for (let i = 0; i < 400; i += 1) keep(kept, `caller-${i}`, i, 1_000_000);
  expect(texts.length).toBeGreaterThan(60);
  expect(retainedBytes() - before).toBeLessThan(70 * 1024 * 1024);
});

test.each([
  ['many', 10],
  ['large', 1_000_000],
])('one caller with %s answers leaves room for others', (_name, chars) => {
  const { kept, keys } = stuck();
  for (let i = 0; i < 600; i += 1) keep(kept, 'flood', i, chars);
  for (let i = 0; i < 8; i += 1) keep(kept, `other-${i}`, i, 10);
  expect(keys.filter((key) => key.startsWith('chat/other-'))).toHaveLength(8);
  expect(keys.filter((key) => key.startsWith('chat/flood')).length).toBeGreaterThan(30);
});
