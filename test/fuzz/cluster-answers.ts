/** Cluster to gateway: any answer, as the first one or as the rest of one that broke off. */
import { ENGINES } from '../../src/domain/fleet.js';
import type { Random } from '../sim/random.js';
import { boundary, type Arena, type Boundary } from './boundary.js';
import { GatewayArena, mustBeItsOwn, newMark } from './gateway/gateway-arena.js';
import type { Start } from './gateway/gateway-under-test.js';
import { callRaw } from './gateway/raw-caller.js';
import { answer, type Script } from './generate/answers.js';
import { family, MARK, type Family } from './generate/families.js';

interface AnswerCase {
  readonly family: string;
  readonly method: string;
  readonly path: string;
  readonly request: string;
  readonly engine: string;
  readonly continueBy: 'text' | 'token-ids';
  /** How many ask at once. */
  readonly callers: number;
  readonly first: Script;
  readonly second: Script;
}

function generate(random: Random): AnswerCase {
  const one = family(random);
  const streamed = one.events.length > 0 && random.chance(0.7);
  const breaksOff = streamed && random.chance(0.45);
  return {
    family: one.name,
    method: one.method,
    path: one.path,
    request: requestOf(one, streamed),
    engine: random.pick(ENGINES),
    continueBy: random.pick(['text', 'text', 'token-ids'] as const),
    callers: random.whole(1, 3),
    first: answer(random, { family: one, streamed, breaksOff }),
    second: answer(random, { family: one, streamed, breaksOff: false }),
  };
}

const requestOf = ({ request }: Family, stream: boolean): string =>
  request === null ? '' : JSON.stringify(stream ? { ...request, stream } : request);

async function play(arena: GatewayArena, one: AnswerCase): Promise<void> {
  await arena.define(one.engine, { continueBy: one.continueBy });
  arena.first.says(one.first);
  arena.second.says(one.second);
  const calls = Array.from({ length: one.callers }, async () => await call(arena, one));
  for (const ended of await Promise.allSettled(calls)) if (ended.status === 'rejected') throw ended.reason as Error;
  await arena.check();
}

async function call({ gateway }: GatewayArena, { method, path, request }: AnswerCase): Promise<void> {
  const mark = newMark();
  const body = request.replaceAll(MARK, mark);
  const head = `${method} ${path} HTTP/1.1\r\nhost: localhost\r\nx-understudy-service: fz\r\nconnection: close\r\n`;
  const sized = body === '' ? '' : `content-type: application/json\r\ncontent-length: ${body.length}\r\n`;
  const got = await callRaw(gateway.url, { writes: [`${head}${sized}\r\n${body}`], leave: 'wait' });
  mustBeItsOwn(got, mark);
}

export const clusterAnswers = (workers: number, start: Partial<Start> = {}): Boundary =>
  boundary<AnswerCase>({
    name: workers === 1 ? 'cluster' : `cluster-${workers}-workers`,
    generate,
    open: async (): Promise<Arena<AnswerCase>> => {
      const arena = await GatewayArena.open({ workers, ...start });
      return {
        play: async (one) => await play(arena, one),
        checkNowAndThen: async () => await arena.checkNowAndThen(),
        close: async () => await arena.close(),
      };
    },
  });
