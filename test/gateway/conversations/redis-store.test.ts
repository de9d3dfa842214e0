import { expect, test } from 'vitest';
import { openRedisStore } from '../../../src/gateway/conversations/redis-store.js';
import type { ConversationStore } from '../../../src/gateway/conversations/store.js';
import { eventually } from '../../kit/eventually.js';
import { hasRedis, startRedis } from '../../kit/redis.js';
import { storeContract } from './store-contract.js';

const BOUNDS = { ttlMs: 60_000, bytesMax: 16 << 20 };

/** A store whose connection stands. */
async function connected(store: ConversationStore): Promise<ConversationStore> {
  await eventually(
    async () =>
      await store.get('none').then(
        () => true,
        () => false,
      ),
    10_000,
  );
  return store;
}

if (hasRedis()) {
  storeContract('redis', async () => {
    const redis = await startRedis();
    return {
      open: async (bounds) => await connected(openRedisStore(redis.url, bounds, Date.now)),
      remove: async () => await redis.kill(),
    };
  });

  test('a server that is away is said at once; when it is back the store works by itself', async () => {
    const first = await startRedis();
    const store = await connected(openRedisStore(first.url, BOUNDS, Date.now));
    try {
      await first.kill();
      const away = { code: 'conversations-unreachable' };
      await eventually(
        async () =>
          await store.get('a').then(
            () => false,
            () => true,
          ),
      );
      await expect(store.get('a')).rejects.toMatchObject(away);
      await expect(store.put('a', 'text')).rejects.toMatchObject(away);
      await expect(store.delete('a')).rejects.toMatchObject(away);
      const second = await startRedis(Number(new URL(first.url).port));
      await connected(store);
      await store.put('a', 'text');
      expect(await store.get('a')).toBe('text');
      await second.kill();
    } finally {
      await store.close();
    }
  });
} else {
  test('redis-server is not installed: conversations in Redis were NOT tested', () => undefined);
}
