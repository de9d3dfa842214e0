/** What every store of conversations does, whatever is behind it. */
import { afterEach, describe, expect, test } from 'vitest';
import type { ConversationStore, StoreBounds } from '../../../src/gateway/conversations/store.js';
import { eventually } from '../../kit/eventually.js';

export interface StoreBench {
  /** One more gateway at the same store. */
  open(bounds: StoreBounds): Promise<ConversationStore>;
  /** Ends the store itself, and what it kept. */
  remove(): Promise<void>;
}

const BOUNDS: StoreBounds = { ttlMs: 60_000, bytesMax: 16 * 1024 * 1024 };
/** Does not compress: bounds count what is really taken. */
const noise = (bytes: number): string =>
  Buffer.from(Array.from({ length: bytes }, () => 33 + Math.floor(Math.random() * 90))).toString('latin1');

export function storeContract(name: string, start: () => Promise<StoreBench>): void {
  describe(`store of conversations: ${name}`, () => {
    const ends: (() => Promise<void>)[] = [];
    afterEach(async () => {
      for (const end of ends.splice(0).reverse()) await end();
    });
    const bench = async (): Promise<StoreBench> => {
      const started = await start();
      ends.push(async () => await started.remove());
      return {
        ...started,
        open: async (bounds) => {
          const store = await started.open(bounds);
          ends.push(async () => await store.close());
          return store;
        },
      };
    };

    test('what one gateway puts, another one gets, whole, as soon as the put is answered', async () => {
      const { open } = await bench();
      const [here, there] = [await open(BOUNDS), await open(BOUNDS)];
      const text = JSON.stringify({ said: 'grüße 漢字 \u0000 "quoted"', more: noise(100_000) });
      await here.put('chat/me/resp_1', text);
      expect(await there.get('chat/me/resp_1')).toBe(text);
      expect(await there.get('chat/me/resp_2')).toBeNull();
      expect(await there.get('chat/you/resp_1')).toBeNull();
    });

    test('a second put takes the place of the first', async () => {
      const { open } = await bench();
      const store = await open(BOUNDS);
      await store.put('a', 'one');
      await store.put('a', 'two');
      expect(await store.get('a')).toBe('two');
      expect(await store.delete('a')).toBe(true);
      expect(await store.get('a')).toBeNull();
    });

    test('what is deleted is gone for everybody, and only once', async () => {
      const { open } = await bench();
      const [here, there] = [await open(BOUNDS), await open(BOUNDS)];
      await here.put('a', 'text');
      expect(await there.delete('a')).toBe(true);
      expect(await here.delete('a')).toBe(false);
      expect(await here.get('a')).toBeNull();
    });

    test('a text is gone when its time is over', async () => {
      const { open } = await bench();
      const [short, long] = [await open({ ...BOUNDS, ttlMs: 300 }), await open(BOUNDS)];
      await short.put('short', 'text');
      await long.put('long', 'text');
      expect(await short.get('short')).toBe('text');
      await eventually(async () => (await short.get('short')) === null, 5_000);
      expect(await long.get('short')).toBeNull();
      expect(await short.delete('short')).toBe(false);
      expect(await long.get('long')).toBe('text');
    });

    test('beyond its bytes the oldest go, and the newest stay', async () => {
      const { open } = await bench();
      const store = await open({ ...BOUNDS, bytesMax: 1_000_000 });
      for (let i = 0; i < 40; i++) await store.put(`text-${i}`, noise(50_000));
      await eventually(async () => (await store.get('text-19')) === null, 5_000);
      expect(await store.get('text-0')).toBeNull();
      expect((await store.get('text-39'))?.length).toBe(50_000);
      expect((await store.get('text-34'))?.length).toBe(50_000);
    });

    test('beyond its bytes those go who take most: what others keep stays', async () => {
      const { open } = await bench();
      const [here, there] = [
        await open({ ...BOUNDS, bytesMax: 1_000_000 }),
        await open({ ...BOUNDS, bytesMax: 1_000_000 }),
      ];
      const others = Array.from({ length: 6 }, (_, i) => `chat/other-${i % 3}/resp_${i}`);
      for (const key of others) await here.put(key, noise(40_000));
      for (let i = 0; i < 60; i++) await (i % 2 === 0 ? here : there).put(`chat/flood/resp_${i}`, noise(50_000));
      await eventually(async () => (await there.get('chat/flood/resp_29')) === null, 5_000);
      for (const key of others) expect((await there.get(key))?.length).toBe(40_000);
      expect((await here.get('chat/flood/resp_59'))?.length).toBe(50_000);
    });

    test('what was put anew, deleted or is over counts against nobody', async () => {
      const { open } = await bench();
      const store = await open({ ...BOUNDS, bytesMax: 1_000_000 });
      const short = await open({ ...BOUNDS, ttlMs: 1, bytesMax: 1_000_000 });
      for (let i = 0; i < 20; i++) {
        await store.put('chat/thrifty/resp_again', noise(40_000));
        await store.put(`chat/thrifty/resp_${i}`, noise(40_000));
        await store.delete(`chat/thrifty/resp_${i}`);
        await short.put(`chat/thrifty/resp_short_${i}`, noise(10_000));
      }
      for (let i = 0; i < 40; i++) await store.put(`chat/other/resp_${i}`, noise(40_000));
      await eventually(async () => (await store.get('chat/other/resp_9')) === null, 5_000);
      expect((await store.get('chat/thrifty/resp_again'))?.length).toBe(40_000);
    });
  });
}
