/**
 * Conversations in a Redis server that all replicas of a gateway share. Keys have a time to live of their own; an index in
 * order of expiry, kept by one script together with the texts, bounds what they take. One server or one with replicas; a
 * cluster is not needed for what fits into the bounds.
 */
import { createClient } from '@redis/client';
import { CodedError } from '../../domain/errors.js';
import { shareOf, type ConversationStore, type StoreBounds } from './store.js';

const PREFIX = 'understudy:conversation:';
const EXPIRIES = 'understudy:conversations:expiries';
const SIZES = 'understudy:conversations:sizes';
const TOTAL = 'understudy:conversations:bytes';
/** The share of each text; bytes of each share; and before its number, the texts of one in order of expiry. */
const SHARE_OF = 'understudy:conversations:share-of';
const SHARES = 'understudy:conversations:shares';
const OWNED = 'understudy:conversations:owned:';

const CONNECT_MS_MAX = 1_000;
const RECONNECT_MS_MAX = 1_000;
/** Commands that may wait for their answers; beyond that the server counts as unreachable. */
const WAITING_MAX = 1_000;
/** Texts that one call takes out of the index; more are left to the next calls. */
const SWEPT_AT_ONCE = 1_000;

/** Forgets `KEYS[4]`; answers 1 when it was there. */
const FORGET = `
local function forget(key)
  local bytes = redis.call('HGET', KEYS[2], key) or 0
  redis.call('DECRBY', KEYS[3], bytes)
  redis.call('HDEL', KEYS[2], key)
  redis.call('ZREM', KEYS[1], key)
  local share = redis.call('HGET', '${SHARE_OF}', key)
  if share then
    redis.call('HDEL', '${SHARE_OF}', key)
    redis.call('ZREM', '${OWNED}' .. share, key)
    redis.call('ZINCRBY', '${SHARES}', -bytes, share)
  end
  return redis.call('DEL', key)
end
`;
const DELETE = `${FORGET} return forget(KEYS[4])`;
/** ARGV: text, bytes, now, time to live, most bytes, most to sweep, share. Texts of an earlier version have no share. */
const PUT = `${FORGET}
local function oldest()
  local share = redis.call('ZREVRANGE', '${SHARES}', 0, 0)[1]
  if not share then return redis.call('ZRANGE', KEYS[1], 0, 0)[1] end
  local key = redis.call('ZRANGE', '${OWNED}' .. share, 0, 0)[1]
  if not key then redis.call('ZREM', '${SHARES}', share) end
  return key or oldest()
end
forget(KEYS[4])
for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[3], 'LIMIT', 0, ARGV[6])) do forget(key) end
redis.call('SET', KEYS[4], ARGV[1], 'PX', ARGV[4])
redis.call('ZADD', KEYS[1], ARGV[3] + ARGV[4], KEYS[4])
redis.call('HSET', KEYS[2], KEYS[4], ARGV[2])
redis.call('HSET', '${SHARE_OF}', KEYS[4], ARGV[7])
redis.call('ZADD', '${OWNED}' .. ARGV[7], ARGV[3] + ARGV[4], KEYS[4])
redis.call('ZINCRBY', '${SHARES}', ARGV[2], ARGV[7])
local total = redis.call('INCRBY', KEYS[3], ARGV[2])
for _ = 1, tonumber(ARGV[6]) do
  if total <= tonumber(ARGV[5]) then break end
  local key = oldest()
  if not key then break end
  forget(key)
  total = tonumber(redis.call('GET', KEYS[3]))
end
`;

/** Does not wait for the server: a gateway must start without it. */
export function openRedisStore(url: string, bounds: StoreBounds, clock: () => number): ConversationStore {
  return new RedisStore(url, bounds, clock);
}

class RedisStore implements ConversationStore {
  readonly #client;
  readonly #bounds: StoreBounds;
  readonly #clock: () => number;

  constructor(url: string, bounds: StoreBounds, clock: () => number) {
    this.#bounds = bounds;
    this.#clock = clock;
    this.#client = createClient({
      url,
      disableOfflineQueue: true,
      // Messages that nobody asked for: one that names no address (`MOVING`) is thrown beside every promise of the client.
      RESP: 2,
      maintNotifications: 'disabled',
      commandsQueueMaxLength: WAITING_MAX,
      socket: {
        connectTimeout: CONNECT_MS_MAX,
        reconnectStrategy: (tries) => Math.min(50 * 2 ** tries, RECONNECT_MS_MAX),
      },
    });
    this.#client.on('error', () => undefined); // each command says it to whoever asked
    this.#client.connect().catch(() => undefined);
  }

  async get(key: string): Promise<string | null> {
    return await reaching(this.#client.get(PREFIX + key));
  }

  async put(key: string, text: string): Promise<void> {
    const { ttlMs, bytesMax } = this.#bounds;
    const numbers = [Buffer.byteLength(text), this.#clock(), ttlMs, bytesMax, SWEPT_AT_ONCE, shareOf(key)].map(String);
    await reaching(this.#client.eval(PUT, { keys: this.#keys(key), arguments: [text, ...numbers] }));
  }

  async delete(key: string): Promise<boolean> {
    return (await reaching(this.#client.eval(DELETE, { keys: this.#keys(key) }))) === 1;
  }

  async close(): Promise<void> {
    this.#client.destroy();
    await Promise.resolve();
  }

  #keys(key: string): string[] {
    return [EXPIRIES, SIZES, TOTAL, PREFIX + key];
  }
}

async function reaching<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CodedError('conversations-unreachable', `the Redis server of the conversations: ${why}`, { cause });
  }
}
