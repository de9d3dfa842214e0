/** Caller to gateway: any bytes on a socket, before clusters that answer rightly. */
import type { Random } from '../sim/random.js';
import { boundary, type Arena, type Boundary } from './boundary.js';
import { GatewayArena, mustBeItsOwn, newMark } from './gateway/gateway-arena.js';
import { callRaw } from './gateway/raw-caller.js';
import type { Script } from './generate/answers.js';
import { MARK } from './generate/families.js';
import { requests, type RequestBytes } from './generate/requests.js';

interface RequestCase {
  /** They come at the same time. */
  readonly connections: readonly RequestBytes[];
  readonly streams: boolean;
}

/** Played before the service is made anew: each costs less than that does. */
const CONNECTIONS_MAX = 4;

const generate = (random: Random): RequestCase => ({
  connections: Array.from({ length: random.whole(1, CONNECTIONS_MAX) }, () => requests(random)),
  streams: random.chance(0.5),
});

const JSON_BODY = `{"id":"resp_${MARK}","object":"response","status":"completed","output":[],"choices":[{"index":0,"message":{"content":"${MARK}"},"text":"${MARK}","finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}`;
const EVENTS = `data: {"choices":[{"index":0,"delta":{"content":"${MARK}"},"text":"${MARK}","finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`;

const whole: Script = {
  writes: [
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${JSON_BODY.length}\r\n\r\n${JSON_BODY}`,
  ],
  end: 'keep',
};
const streamed: Script = {
  writes: [
    'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n',
    `${EVENTS.length.toString(16)}\r\n${EVENTS}\r\n0\r\n\r\n`,
  ],
  end: 'keep',
};

async function play(arena: GatewayArena, { connections, streams }: RequestCase): Promise<void> {
  await arena.define('vllm');
  for (const cluster of [arena.first, arena.second]) cluster.says(streams ? streamed : whole);
  const calls = connections.map(async ({ writes, leave, headOnly }) => {
    const mark = newMark();
    const own = writes.map((piece) => piece.replaceAll(MARK, mark));
    mustBeItsOwn(await callRaw(arena.gateway.url, { writes: own, leave }), mark, headOnly);
  });
  for (const ended of await Promise.allSettled(calls)) if (ended.status === 'rejected') throw ended.reason as Error;
  await arena.check();
}

export const callerRequests = (workers: number): Boundary =>
  boundary<RequestCase>({
    name: workers === 1 ? 'caller' : `caller-${workers}-workers`,
    generate,
    open: async (): Promise<Arena<RequestCase>> => {
      const arena = await GatewayArena.open({ workers });
      return {
        play: async (one) => await play(arena, one),
        checkNowAndThen: async () => await arena.checkNowAndThen(),
        close: async () => await arena.close(),
      };
    },
  });
