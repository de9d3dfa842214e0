/**
 * Conversations in a Redis server that all replicas of a gateway share. Keys have a time to live of their own; an index in
 * order of expiry, kept by one script together with the texts, bounds what they take. One server or one with replicas; a
 * cluster is not needed for what fits into the bounds.
 */
import type { CodedError } from '../../domain/errors.js';
import { RedisConnection } from './redis-connection.js';
import { BrokenReplies } from './redis-replies.js';
import { shareOf, unreachable, type ConversationStore, type StoreBounds } from './store.js';

const SERVER = 'the Redis server of the conversations';

const PREFIX = 'understudy:conversation:';
const EXPIRIES = 'understudy:conversations:expiries';
const SIZES = 'understudy:conversations:sizes';
const TOTAL = 'understudy:conversations:bytes';
/** The share of each text; bytes of each share; and before its number, the texts of one in order of expiry. */
const SHARE_OF = 'understudy:conversations:share-of';
const SHARES = 'understudy:conversations:shares';
const OWNED = 'understudy:conversations:owned:';

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
  readonly #connection: RedisConnection;
  readonly #bounds: StoreBounds;
  readonly #clock: () => number;

  constructor(url: string, bounds: StoreBounds, clock: () => number) {
    this.#bounds = bounds;
    this.#clock = clock;
    this.#connection = new RedisConnection(url);
  }

  async get(key: string): Promise<string | null> {
    const kept = await this.#ask(['GET', PREFIX + key], (reply) => typeof reply !== 'number');
    if (typeof kept !== 'string' || kept.startsWith('{')) return null; // an earlier version wrote no key
    const [title, text] = [kept.slice(0, key.length + 1), kept.slice(key.length + 1)];
    if (title === `${key}\n`) return text;
    throw this.#notAsked();
  }

  async put(key: string, text: string): Promise<void> {
    const { ttlMs, bytesMax } = this.#bounds;
    const kept = `${key}\n${text}`; // replies do not say to which question they belong, but texts do
    const numbers = [Buffer.byteLength(kept), this.#clock(), ttlMs, bytesMax, SWEPT_AT_ONCE, shareOf(key)].map(String);
    await this.#ask([...evalOf(PUT, key), kept, ...numbers], (reply) => reply === null);
  }

  async delete(key: string): Promise<boolean> {
    return (await this.#ask(evalOf(DELETE, key), (reply) => reply === 0 || reply === 1)) === 1;
  }

  async close(): Promise<void> {
    this.#connection.close();
    await Promise.resolve();
  }

  async #ask(words: readonly string[], isOfIts: (reply: string | number | null) => boolean): Promise<unknown> {
    let reply;
    try {
      reply = await this.#connection.ask(words);
    } catch (cause) {
      throw unreachable(SERVER, cause);
    }
    if (isOfIts(reply)) return reply;
    throw this.#notAsked();
  }

  /** What comes next would be as wrong. */
  #notAsked(): CodedError {
    const cause = new BrokenReplies('an answer to another question');
    this.#connection.drop(cause);
    return unreachable(SERVER, cause);
  }
}

const evalOf = (script: string, key: string): readonly string[] => {
  const keys = [EXPIRIES, SIZES, TOTAL, PREFIX + key];
  return ['EVAL', script, `${keys.length}`, ...keys];
};
