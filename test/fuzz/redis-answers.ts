/** A Redis server that answers anything: broken RESP, answers of other types, pushes, nothing at all. */
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Random } from '../sim/random.js';
import { boundary, type Arena, type Boundary } from './boundary.js';
import { GatewayArena, mustBeItsOwn, newMark } from './gateway/gateway-arena.js';
import { callRaw } from './gateway/raw-caller.js';
import type { Script } from './generate/answers.js';
import { damage, randomBytes } from './generate/bytes.js';
import { MARK } from './generate/families.js';
import { jsonText } from './generate/json.js';

interface RedisCase {
  /** What each command is answered with, in turn; the last one goes on. */
  readonly answers: readonly string[];
  /** How the greeting of a new connection (HELLO, CLIENT …) is answered. */
  readonly greeting: string;
  readonly leaves: 'stay' | 'end' | 'reset';
  /** Paths and bodies of the callers. */
  readonly asked: readonly (readonly [string, string])[];
}

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;
const kept = {
  kind: 'kept',
  input: [{ role: 'user', content: 'x' }],
  response: { id: 'resp_1', output: [] },
  affinity: 'k',
};

const ANSWERS: readonly string[] = [
  '+OK\r\n',
  ':1\r\n',
  ':-99999999999999999999\r\n',
  '$-1\r\n',
  '_\r\n',
  '*-1\r\n',
  '*0\r\n',
  '#t\r\n',
  ',inf\r\n',
  ',nan\r\n',
  '(3492890328409238509324850943850943825024385\r\n',
  '-ERR no\r\n',
  '-MOVED 3999 127.0.0.1:1\r\n',
  '-ASK 3999 127.0.0.1:1\r\n',
  '-NOSCRIPT x\r\n',
  '-LOADING x\r\n',
  '!5\r\nERR x\r\n',
  '=7\r\ntxt:abc\r\n',
  '%1\r\n+a\r\n:1\r\n',
  '~1\r\n+a\r\n',
  '|1\r\n+a\r\n+b\r\n+OK\r\n',
  '>2\r\n+invalidate\r\n*1\r\n$1\r\nx\r\n',
  '>4\r\n$6\r\nMOVING\r\n:1\r\n:15\r\n$14\r\n127.0.0.1:6379\r\n',
  '>3\r\n$9\r\nMIGRATING\r\n:1\r\n:15\r\n',
  '>4\r\n+MOVING\r\n_\r\n_\r\n_\r\n',
  '>1\r\n+MOVING\r\n',
  '>3\r\n+SMIGRATED\r\n*0\r\n%0\r\n',
  '>0\r\n',
  '>3\r\n+message\r\n+a\r\n+b\r\n',
  '>3\r\n+subscribe\r\n+a\r\n:1\r\n',
  '$99999999999\r\nx',
  '$-5\r\n',
  '$abc\r\n',
  '*99999999999\r\n',
  '*2\r\n$1\r\na\r\n',
  '?\r\n',
  '\r\n',
  '$?\r\n;4\r\nabcd\r\n;0\r\n',
  '*1\r\n'.repeat(5_000),
  '>1\r\n'.repeat(2_000),
  bulk('not json'),
  bulk(JSON.stringify(kept)),
  bulk('{"kind":"kept","input":{"toString":0},"response":null}'),
  bulk(`{"kind":"kept","input":${'['.repeat(9_000)}${']'.repeat(9_000)}}`),
];

const GREETING = '%1\r\n$5\r\nproto\r\n:3\r\n';

function generate(random: Random): RedisCase {
  return {
    answers: Array.from({ length: random.whole(1, 4) }, () => answer(random)),
    greeting: random.chance(0.8) ? GREETING : answer(random),
    leaves: random.chance(0.8) ? 'stay' : random.pick(['end', 'reset'] as const),
    asked: Array.from({ length: random.whole(1, 2) }, () => ask(random)),
  };
}

function answer(random: Random): string {
  const luck = random.next();
  if (luck < 0.6) return random.pick(ANSWERS);
  if (luck < 0.75) return bulk(jsonText(random, kept));
  if (luck < 0.85) return random.pick(ANSWERS) + random.pick(ANSWERS);
  if (luck < 0.95) return damage(random, random.pick(ANSWERS));
  return randomBytes(random, 200);
}

const BEFORE = { model: 'fz', input: MARK, store: true, previous_response_id: 'resp_1' };

function ask(random: Random): readonly [string, string] {
  return random.pick([
    ['POST /v1/responses', JSON.stringify(BEFORE)],
    ['POST /v1/responses', JSON.stringify({ ...BEFORE, previous_response_id: null })],
    ['GET /v1/responses/resp_1', ''],
    ['DELETE /v1/responses/resp_1', ''],
    ['GET /v1/responses/resp_1/input_items', ''],
  ] as const);
}

class HostileRedis {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #case: RedisCase = { answers: ['+OK\r\n'], greeting: GREETING, leaves: 'stay', asked: [] };
  #asked = 0;

  constructor() {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
      socket.on('data', (part: Buffer) => this.#answer(socket, part.toString('latin1')));
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `redis://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Connections begin anew, so that each case stands for itself. */
  says(one: RedisCase): void {
    this.#case = one;
    this.#asked = 0;
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  #answer(socket: Socket, commands: string): void {
    const { answers, greeting, leaves } = this.#case;
    for (const [, name = ''] of commands.matchAll(/\*\d+\r\n\$\d+\r\n([A-Za-z]+)\r\n/g)) {
      const isGreeting = /^(?:HELLO|CLIENT|AUTH|SELECT)$/i.test(name);
      socket.write(isGreeting ? greeting : (answers[Math.min(this.#asked++, answers.length - 1)] ?? ''), 'latin1');
      if (isGreeting || leaves === 'stay') continue;
      if (leaves === 'end') socket.end();
      else socket.resetAndDestroy();
    }
  }
}

const BODY = `{"id":"resp_up","object":"response","status":"completed","output":[{"type":"message","content":[]}],"text":"${MARK}"}`;
const engine: Script = {
  writes: [`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`],
  end: 'keep',
};

async function play(arena: GatewayArena, redis: HostileRedis, one: RedisCase): Promise<void> {
  await arena.define('vllm');
  redis.says(one);
  for (const cluster of [arena.first, arena.second]) cluster.says(engine);
  for (const [line, body] of one.asked) {
    const mark = newMark();
    const head = `${line} HTTP/1.1\r\nhost: localhost\r\nx-understudy-service: fz\r\nconnection: close\r\ncontent-type: application/json\r\n`;
    const sent = `${head}content-length: ${body.length}\r\n\r\n${body.replaceAll(MARK, mark)}`;
    mustBeItsOwn(await callRaw(arena.gateway.url, { writes: [sent], leave: 'wait' }), mark);
  }
  await arena.check();
}

export const redisAnswers: Boundary = boundary<RedisCase>({
  name: 'redis',
  generate,
  open: async (): Promise<Arena<RedisCase>> => {
    const redis = new HostileRedis();
    const url = await redis.listen();
    const arena = await GatewayArena.open({
      workers: 1,
      env: { UNDERSTUDY_REDIS_URL: url },
      settings: { conversations: { store: 'redis' } },
    });
    return {
      play: async (one) => await play(arena, redis, one),
      checkNowAndThen: async () => await arena.checkNowAndThen(),
      close: async () => {
        await arena.close();
        await redis.close();
      },
    };
  },
});
