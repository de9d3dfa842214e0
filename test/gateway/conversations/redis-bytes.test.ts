/** Whatever a Redis server sends: no process ends, nobody gets the conversation of another, and afterwards it works again. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openRedisStore } from '../../../src/gateway/conversations/redis-store.js';
import type { ConversationStore } from '../../../src/gateway/conversations/store.js';
import { eventually } from '../../kit/eventually.js';
import { bulk, HostileRedis } from './hostile-redis.js';

const UNREACHABLE = { code: 'conversations-unreachable' };
let redis: HostileRedis;
let store: ConversationStore;
const thrown: unknown[] = [];
const note = (error: unknown): void => void thrown.push(error);

beforeEach(async () => {
  process.on('uncaughtException', note).on('unhandledRejection', note);
  redis = new HostileRedis();
  store = openRedisStore(await redis.listen(), { ttlMs: 60_000, bytesMax: 1 << 24 }, Date.now);
  await works();
});

afterEach(async () => {
  await store.close();
  await redis.close();
  process.off('uncaughtException', note).off('unhandledRejection', note);
  expect(thrown.splice(0)).toEqual([]);
});

async function works(): Promise<void> {
  await eventually(
    async () =>
      await store.put('chat/mine/resp_1', 'mine').then(
        () => true,
        () => false,
      ),
  );
  expect(await store.get('chat/mine/resp_1')).toBe('mine');
}

/** Lists that announce so many items take 256 MiB each in a reader that makes room for them. */
const WIDE = '*33554431\r\n';
const NO_REPLIES: Readonly<Record<string, string>> = {
  'a MOVING push': '>4\r\n$6\r\nMOVING\r\n:1\r\n:15\r\n$14\r\n127.0.0.1:6379\r\n',
  'a MOVING push without an address': '>4\r\n+MOVING\r\n_\r\n_\r\n_\r\n',
  'a MOVING push alone': '>1\r\n+MOVING\r\n',
  'a MIGRATING push': '>3\r\n$9\r\nMIGRATING\r\n:1\r\n:15\r\n',
  'a push of a client cache': '>2\r\n+invalidate\r\n*1\r\n$1\r\nx\r\n',
  'a push of a subscription': '>3\r\n+subscribe\r\n+a\r\n:1\r\n',
  'an empty push': '>0\r\n',
  'lists within lists': '*1\r\n'.repeat(20_000),
  'wide lists within lists': WIDE.repeat(40),
  'a list of too many': '*99999999999\r\n',
  'a map': '%1\r\n+a\r\n:1\r\n',
  'a set': '~1\r\n+a\r\n',
  'an attribute': '|1\r\n+a\r\n+b\r\n+OK\r\n',
  'null of RESP 3': '_\r\n',
  'true of RESP 3': '#t\r\n',
  'a big number': `(${'9'.repeat(1_000)}\r\n`,
  'a verbatim text': '=7\r\ntxt:abc\r\n',
  'an error of RESP 3': '!5\r\nERR x\r\n',
  'a huge text': '$99999999999\r\nx',
  'a text of a huge number': `$${'9'.repeat(400)}\r\nx`,
  'a text of negative length': '$-5\r\n',
  'a text without a length': '$abc\r\n',
  'a text in pieces': '$?\r\n;4\r\nabcd\r\n;0\r\n',
  'a text longer than it says': '$1\r\nabc\r\n',
  'a line without an end': '+'.padEnd(100_000, 'x'),
  'a number that is none': ':{}\r\n',
  'a number too large': ':-99999999999999999999\r\n',
  'a number for a text': ':1\r\n',
  'a text of another': bulk('chat/other/resp_9\nsecret'),
  'an empty text': bulk(''),
  'nothing but a line end': '\r\n',
  'another protocol': 'HTTP/1.1 200 OK\r\n\r\n',
  'an error in the middle of two': '+OK\r\n-ERR \u001b[31m\r\n',
};

test.each(Object.entries(NO_REPLIES))('%s costs what waits on its connection', async (_name, bytes) => {
  const before = redis.connections;
  redis.answer = () => bytes;
  const asked = [store.get('chat/mine/resp_1'), store.get('chat/mine/resp_2'), store.delete('chat/mine/resp_3')];
  for (const { status } of await Promise.allSettled(asked)) expect(status).toBe('rejected');
  redis.answer = (honest) => honest;
  await works();
  expect(redis.connections).toBeGreaterThan(before);
});

test.each(Object.entries(NO_REPLIES))('%s that nobody asked for costs a connection', async (_name, bytes) => {
  redis.answer = (honest) => honest + bytes;
  expect(await store.get('chat/mine/resp_1').catch(() => 'mine')).toBe('mine');
  redis.answer = (honest) => honest;
  await works();
});

test('an error costs the one who asked, and repeats nothing of its text', async () => {
  const before = redis.connections;
  redis.answer = () => '-MOVED 3999 10.0.0.1:6379\r\n';
  await expect(store.get('chat/mine/resp_1')).rejects.toMatchObject({
    ...UNREACHABLE,
    message: expect.not.stringContaining('10.0.0.1') as string,
  });
  redis.answer = (honest) => honest;
  await works();
  expect(redis.connections).toBe(before);
});

test.each([
  ['nothing', '$-1\r\n'],
  ['OK', '+OK\r\n'],
  ['an error', '-ERR x\r\n'],
  ['a conversation', bulk('{"kind":"kept"}')],
  ['a push', '>1\r\n+MOVING\r\n'],
  ['rubbish', '?\r\n'],
])('replies that are shifted by one, with %s before them, give nobody what is of another', async (_name, first) => {
  const names = ['ann', 'bob', 'eve'];
  for (const name of names) await store.put(`chat/${name}/resp_1`, `said by ${name}`);
  let kept = first;
  redis.answer = (honest) => {
    const answer = kept;
    kept = honest;
    return answer;
  };
  for (let round = 0; round < 5; round++)
    await Promise.all(
      names.map(async (name) => {
        const text = await store.get(`chat/${name}/resp_1`).catch(() => null);
        expect([null, `said by ${name}`]).toContain(text);
      }),
    );
  redis.answer = (honest) => honest;
  await works();
});

test('a reply in pieces of one byte, and several in one piece, reach those who asked', async () => {
  redis.answer = (honest, socket) => {
    socket.setNoDelay(true);
    for (const byte of Buffer.from(honest)) socket.write(Buffer.of(byte));
    return '';
  };
  await store.put('chat/mine/resp_2', 'grüße \r\n 漢字');
  const keys = ['chat/mine/resp_2', 'chat/mine/resp_none', 'chat/mine/resp_1'];
  expect(await Promise.all(keys.map(async (key) => await store.get(key)))).toEqual(['grüße \r\n 漢字', null, 'mine']);
});

test('a text of an earlier version, which names no key, is not there', async () => {
  redis.texts.set('understudy:conversation:chat/mine/resp_old', '{"kind":"kept"}');
  expect(await store.get('chat/mine/resp_old')).toBeNull();
  await works();
});
